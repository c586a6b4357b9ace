import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely'
import { type DatabaseErrorKind, isDatabaseError } from '#db/errors'
import { type Permit, type Quota, readPermit } from '#db/rate-limit'
import { type Effect, effectOf, sendWithRetries } from '#db/retry'
import type { Database } from '#db/schema'
import type { Place, Statement, Transport } from '#db/transports/transport'

/** A Kysely that sees and changes only the rows of one user. */
export type CallerDatabase = Kysely<Database>

/** How long one request's work in the database may take, all attempts together. */
export interface TimeLimits {
  readonly deadlineMs: number
  /** One attempt, the wait for a connection included. */
  readonly attemptMs: number
}

/** The rate limit of a request: the quota, and who is told what is left of it. */
export interface RateLimit {
  readonly quota: Quota
  readonly onPermit: (permit: Permit) => void
}

/** The role that every request runs as. It has only the rights that the migrations grant it. */
export const callerRole = 'todo_app'

/**
 * Opens a Kysely that is bound to one user. Each statement is sent as a transaction, which first
 * sets the role `todo_app` and the id of the user. Both end with the transaction. So row-level
 * security hides other users' rows even from a statement that does not name the owner. All
 * statements of the transaction are sent in one round trip. There are no transactions of several
 * queries, because a request is one statement.
 */
export function openCallerDatabase(
  transport: Transport,
  userId: string,
  limits: TimeLimits,
  rateLimit?: RateLimit,
  signal?: () => AbortSignal,
): CallerDatabase {
  const driver = new CallerDriver(transport, { user: userId, signal }, limits, rateLimit)
  return new Kysely<Database>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => driver,
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  })
}

const bind = "select set_config('role', $1, true), set_config('app.user_id', $2, true)"

/**
 * The statement that binds the rest of its transaction to the role and the user. With a quota it
 * also takes a permit of the user, and fails if there is none left.
 */
export function bindCaller(userId: string, quota?: Quota): Statement {
  const parameters = [callerRole, userId]
  return quota === undefined
    ? { sql: bind, parameters }
    : {
        sql: `${bind}, todo_take_permit($2, $3::integer, $4::integer) as permit`,
        parameters: [...parameters, quota.requests, quota.seconds],
      }
}

/** The driver and its only connection, as Kysely calls them. */
class CallerDriver implements Driver, DatabaseConnection {
  readonly #transport: Transport
  readonly #place: Place
  readonly #limits: TimeLimits
  readonly #rateLimit: RateLimit | undefined

  constructor(
    transport: Transport,
    place: Place,
    limits: TimeLimits,
    rateLimit: RateLimit | undefined,
  ) {
    this.#transport = transport
    this.#place = place
    this.#limits = limits
    this.#rateLimit = rateLimit
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    const end = performance.now() + this.#limits.deadlineMs
    try {
      const [, rows = []] = await this.#send([query], effectOf(query.query), end)
      return { rows: rows as Row[] }
    } catch (error) {
      // The rollback gave the permit back. A failure that the user can cause must still cost one.
      const isCounted = isDatabaseError(error) && countedFailures.includes(error.kind)
      if (isCounted && this.#rateLimit !== undefined) await this.#send([], 'none', end)
      throw error
    }
  }

  async #send(queries: readonly CompiledQuery[], effect: Effect, end: number) {
    const statements = [bindCaller(this.#place.user, this.#rateLimit?.quota), ...queries]
    const results = await sendWithRetries(this.#transport, statements, {
      effect,
      place: this.#place,
      deadlineMs: end - performance.now(),
      attemptMs: this.#limits.attemptMs,
    })
    const permit = results[0]?.[0]?.['permit']
    if (typeof permit === 'string') this.#rateLimit?.onPermit(readPermit(permit))
    return results
  }

  // biome-ignore lint/correctness/useYield: Kysely asks for the method, and nothing here streams.
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('A request is one statement, and its rows come in one answer.')
  }

  async init() {}
  async acquireConnection() {
    return this
  }
  async beginTransaction() {
    throw new Error('A request is one statement, which is a transaction already.')
  }
  async commitTransaction() {}
  async rollbackTransaction() {}
  async releaseConnection() {}
  async destroy() {}
}

/** Failures that a user can cause again and again; see ADR 0050. */
const countedFailures: readonly DatabaseErrorKind[] = ['unknown_user', 'internal']

const canonicalUuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const canonicalInteger = /^(?:0|-?[1-9][0-9]*)$/

/**
 * Whether a column of this type returns the id as it was sent. Postgres also accepts a UUID in
 * capitals or braces, so one user could have several names. The statement compares UUIDs and the
 * second wall compares texts, so only the usual spelling passes both.
 *
 * @param type as `format_type` prints it
 */
export function canHold(type: string, userId: string): boolean {
  if (type === 'uuid') return canonicalUuid.test(userId)
  if (/^(?:small|big)?int(?:eger)?$/.test(type)) return canonicalInteger.test(userId)
  const [, limit] = /^character(?: varying)?\((\d+)\)$/.exec(type) ?? []
  if (limit === undefined) return true
  // A column of a fixed width loses spaces at the end.
  return Array.from(userId).length <= Number(limit) && !userId.endsWith(' ')
}
