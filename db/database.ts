import { DatabaseError, isDatabaseError } from '#db/errors'
import { type Proof, proveIsolation } from '#db/isolation'
import { migrate } from '#db/migrate'
import type { UsersIdType } from '#db/migrations/0001-tasks'
import { openTransport } from '#db/open-transport'
import { Permits, type RateLimit } from '#db/rate-limit'
import { retries } from '#db/retry'
import {
  bindCaller,
  type CallerDatabase,
  canHold,
  openCallerDatabase,
  type TimeLimits,
} from '#db/scoped'
import { explainOtherUsers } from '#db/service-logins'
import { type Session, selectSession } from '#db/sessions'
import type { TableName } from '#db/table-name'
import type { Statement, Transport, TransportOptions } from '#db/transports/transport'

export interface DatabaseOptions extends TransportOptions {
  readonly usersTable: TableName
  /** The type of the ids, if the migration creates the users table. */
  readonly usersIdType: UsersIdType
  readonly sessionsTable: TableName
  /** Whether session tokens count, so that the service is not ready without their table. */
  readonly needsSessions?: boolean | undefined
  readonly limits: TimeLimits
  /** Called at the start if other logins may serve this database; see ADR 0051. */
  readonly onOtherLogins?: ((logins: string) => void) | undefined
  /** Called at the start if `tasks` refers to another table than `usersTable`, with what to do. */
  readonly onOtherUsers?: ((detail: string) => void) | undefined
  /** Called at the start if tables look like the tasks of another backend; see `db:adopt`. */
  readonly onOtherTasks?: ((tables: readonly string[]) => void) | undefined
}

/** A database that the service can use; see `openDatabase`. */
export interface OpenDatabase {
  readonly transport: Transport
  /**
   * @param deadlineMs how long all that the caller asks for may take
   * @param signal aborts where the client has gone; see `Place`
   */
  forUser(
    userId: string,
    deadlineMs?: number,
    rateLimit?: RateLimit,
    signal?: () => AbortSignal,
  ): CallerDatabase
  /**
   * The session of a token of Better Auth, undefined if it is over.
   *
   * @param line whose turn it takes, as a user's; by default a line of the token's own
   */
  selectSession(token: string, line?: string): Promise<Session | undefined>
  /** Migrates if needed, then proves the second wall. One round trip on a migrated database. */
  makeReady(): Promise<void>
  /** Whether the database answers, is migrated and the second wall stands. Throws what is wrong. */
  isReady(): Promise<boolean>
  close(): Promise<void>
}

/** Opens the transport for the URL. It sends nothing to a server yet. */
export async function openDatabase(options: DatabaseOptions): Promise<OpenDatabase> {
  const transport = await openTransport(options)
  const { limits, usersTable, usersIdType, sessionsTable } = options
  let userIdType = 'text'
  const readProof = (proof: Proof) => {
    userIdType = proof.userIdType
  }
  const onProof = (proof: Proof) => {
    readProof(proof)
    if (proof.otherLogins !== undefined) options.onOtherLogins?.(proof.otherLogins)
    const otherUsers = explainOtherUsers(proof.users, usersTable)
    if (otherUsers !== undefined) options.onOtherUsers?.(otherUsers)
    if (proof.otherTasks.length > 0) options.onOtherTasks?.(proof.otherTasks)
  }
  const neededTable = options.needsSessions === true ? sessionsTable : undefined
  const countPermit = permitSweep(transport, bindCaller('permit-sweep'), limits.attemptMs)
  const permits = new Permits()
  return {
    transport,
    forUser(userId, deadlineMs = limits.deadlineMs, rateLimit, signal) {
      const way = canHold(userIdType, userId)
        ? transport
        : { ...transport, transaction: () => refuseUser(userIdType) }
      const counting = rateLimit && { ...alsoCalling(countPermit, rateLimit), permits }
      return openCallerDatabase(way, userId, { ...limits, deadlineMs }, counting, signal)
    },
    selectSession: (token, line = token) =>
      selectSession(transport, sessionsTable, token, line, limits),
    async makeReady() {
      if (await isProven(transport, limits, onProof, neededTable)) return
      await migrate(transport, usersTable, usersIdType)
      if (await proveIsolation(transport, limits, onProof, neededTable)) return
      throw new Error(
        'The migrations ran, and requests do not find their tables. Run: ALTER ROLE <the login in DATABASE_URL> SET search_path = <the schema with tasks>;',
      )
    },
    isReady: () => proveIsolation(transport, limits, readProof, neededTable, true),
    close: () => transport.close(),
  }
}

/** Refuses a user whose id no column can hold, without asking the database. */
async function refuseUser(type: string): Promise<never> {
  throw new DatabaseError(
    `The ids of users are of the type ${type}, and the token's sub is none.`,
    {
      kind: 'unknown_user',
      transient: false,
      mayHaveRun: false,
    },
  )
}

function alsoCalling(countPermit: () => void, { quota, onPermit }: RateLimit): RateLimit {
  return {
    quota,
    onPermit(permit) {
      countPermit()
      onPermit(permit)
    },
  }
}

/** Permits between two sweeps of a process. A sweep removes more rows than so many permits add. */
const permitsPerSweep = 1000

const forget = { sql: 'select todo_forget_permits()', parameters: [] }

/**
 * Counts permits, and from time to time deletes the rows of users who have their whole quota again.
 * No request waits for that transaction. Each process begins at a random count, so short-lived
 * processes sweep too.
 *
 * @param bind binds the transaction to the role of requests
 * @returns a function to call with each permit
 */
function permitSweep(transport: Transport, bind: Statement, timeoutMs: number): () => void {
  let permits = Math.floor(Math.random() * permitsPerSweep)
  return () => {
    permits += 1
    if (permits % permitsPerSweep !== 0) return
    transport
      .transaction([bind, forget], timeoutMs, { user: 'permit-sweep' })
      // The next sweep tries again.
      .catch((error) => retries.publish(error))
  }
}

async function isProven(
  transport: Transport,
  limits: TimeLimits,
  onProof: (proof: Proof) => void,
  sessionsTable: TableName | undefined,
): Promise<boolean> {
  try {
    return await proveIsolation(transport, limits, onProof, sessionsTable)
  } catch (error) {
    // The role cannot be taken because the migration has not made it yet.
    if (isDatabaseError(error) && error.sqlState === '42501') return false
    throw error
  }
}
