import { setTimeout as sleep } from 'node:timers/promises'
import { type DatabaseOptions, type OpenDatabase, openDatabase } from '#db/database'
import type { Permit } from '#db/rate-limit'
import type { CallerDatabase } from '#db/scoped'
import type { Session } from '#db/sessions'
import type { PoolLoad } from '#db/transports/transport'
import { env, isBuiltOnVercel } from '#lib/config/env'
import { log } from '#lib/log'
import { onceAWhile } from '#lib/service/once-a-while'
import { within } from '#lib/service/within'

/**
 * Requests that may wait for the database. The deadline bounds how long they wait, and this how much
 * memory they take, so it does not depend on the size of the pool.
 */
const queueLimit = 2000

/** The limit for all migrations: a network that drops packets must not block the start. */
const preparationMs = 90_000

/** What the log says of a database that serves, but not as somebody may think. */
const warnings = {
  onFault: (err) => log().warn({ event: 'idle_connection_lost', err }),
  onRefused: (err) => log().warn({ event: 'connection_refused', err }),
  onMismatch: (err) => log().error({ event: 'fault', code: 'database_unavailable', err }),
  onUnchecked: (err) => log().warn({ event: 'connections_unchecked', err }),
  onOtherLogins: (logins) =>
    log().warn({
      event: 'other_logins',
      detail: `These logins may serve the database too: ${logins}. Take it from one that should not: REVOKE EXECUTE ON FUNCTION todo_service() FROM <the login>;`,
    }),
  onOtherUsers: (detail) => log().warn({ event: 'other_users', detail }),
  onOtherTasks: (tables) =>
    log().warn({
      event: 'other_tasks',
      detail: `These tables look like tasks of another backend, which the service does not show: ${tables.join(', ')}. To see what bringing them over would do, which changes nothing, run: npm run db:adopt`,
    }),
} satisfies Partial<DatabaseOptions>

/** The one database of the process. It is global: Next makes several copies of this module. */
const shared = globalThis as typeof globalThis & {
  todoDatabase?: Promise<OpenDatabase>
  todoOpenDatabase?: OpenDatabase
}

/** The database of the process. The first call opens it, migrates it, and proves isolation. */
export function database(): Promise<OpenDatabase> {
  shared.todoDatabase ??= open().catch((error) => {
    // The next request tries again, so that the service recovers together with its database.
    delete shared.todoDatabase
    throw error
  })
  return shared.todoDatabase
}

/** Makes a database that is open already the one of the process. */
export function setDatabase(opened: OpenDatabase): void {
  shared.todoDatabase = Promise.resolve(opened)
  shared.todoOpenDatabase = opened
}

/**
 * The database of the process, for a request, which must not wait for long.
 *
 * @throws DatabaseError if the database is not open by the deadline
 */
function databaseWithin(timeoutMs: number): OpenDatabase | Promise<OpenDatabase> {
  return shared.todoOpenDatabase ?? within(timeoutMs, database())
}

/**
 * A Kysely that is bound to one user and to the user's rate limit; see `openCallerDatabase` in
 * `db/scoped.ts`. It throws what `databaseWithin` throws.
 */
export async function callerDatabase(
  userId: string,
  onPermit: (permit: Permit) => void,
  signal: () => AbortSignal,
): Promise<CallerDatabase> {
  const { RATE_LIMIT: quota, DATABASE_TIMEOUT_MS: timeoutMs } = env()
  const deadlineAt = performance.now() + timeoutMs
  const opened = await databaseWithin(timeoutMs)
  const rateLimit = quota === undefined ? undefined : { quota, onPermit }
  return opened.forUser(userId, deadlineAt - performance.now(), rateLimit, signal)
}

/** The session of a token, looked up in a line of requests; see `selectSession` in `db/sessions.ts`. */
export async function findSession(token: string, line: string): Promise<Session | undefined> {
  const opened = await databaseWithin(env().DATABASE_TIMEOUT_MS)
  return await opened.selectSession(token, line)
}

/**
 * Whether the database is ready; see `OpenDatabase`. All callers share one answer a second.
 *
 * @throws DatabaseError
 */
export const isDatabaseReady = onceAWhile(async () => {
  const opened = await databaseWithin(env().DATABASE_TIMEOUT_MS)
  return await opened.isReady()
}, 1000)

/** How busy the database's pool is, undefined if there is no pool or it is not open yet. */
export function poolLoad(): PoolLoad | undefined {
  return shared.todoOpenDatabase?.transport.poolLoad?.()
}

/**
 * Closes the database once nothing uses it any more. One that is still being opened is waited for as
 * long as a connection may take: the network to it may be dead, and the process is to end.
 */
export async function closeDatabase(): Promise<void> {
  const opening = shared.todoDatabase
  delete shared.todoDatabase
  const { connectTimeoutMs } = timeLimits(env().DATABASE_TIMEOUT_MS)
  // A database that failed to open is closed already. It must not make the shutdown fail.
  const late = sleep(connectTimeoutMs, undefined, { ref: false })
  const opened = await Promise.race([opening?.catch(() => undefined), late])
  delete shared.todoOpenDatabase
  await opened?.close()
}

/**
 * Opens the database without migrating it or proving isolation, for a command that closes it. Only
 * PGlite makes its folder, which it cannot do without.
 */
export async function openFromEnvironment(
  needsSessions = env().SESSION_TOKENS !== false,
): Promise<OpenDatabase> {
  return await openDatabase({
    url: env().DATABASE_URL,
    poolSize: env().DATABASE_POOL_SIZE,
    queueLimit,
    namedStatements: env().DATABASE_NAMED_STATEMENTS,
    usersTable: env().USERS_TABLE,
    usersIdType: env().USERS_ID_TYPE,
    sessionsTable: env().SESSIONS_TABLE,
    needsSessions,
    ...timeLimits(env().DATABASE_TIMEOUT_MS),
    onPool: isBuiltOnVercel ? await poolOnVercel() : undefined,
    ...warnings,
  })
}

async function open(): Promise<OpenDatabase> {
  const opened = await openFromEnvironment()
  try {
    await within(preparationMs, opened.makeReady())
    shared.todoOpenDatabase = opened
    return opened
  } catch (error) {
    await opened.close()
    throw error
  }
}

/** The time limits of the database, as parts of the time that a request has. */
function timeLimits(deadlineMs: number) {
  return {
    connectTimeoutMs: Math.ceil(deadlineMs * 0.375),
    requestTimeoutMs: deadlineMs,
    limits: { deadlineMs, attemptMs: Math.ceil(deadlineMs * 0.625) },
  }
}

/** Keeps a function awake until its idle connections are closed: a frozen one would leak them. */
async function poolOnVercel() {
  return (await import('@vercel/functions')).attachDatabasePool as (pool: object) => void
}
