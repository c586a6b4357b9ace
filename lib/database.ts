import { type OpenDatabase, openDatabase } from '#db/database'
import { DatabaseError } from '#db/errors'
import type { CallerDatabase } from '#db/scoped'
import type { Session } from '#db/sessions'
import { env } from '#lib/env'
import { log } from '#lib/log'

/** One database for the process: Next loads this module once for each bundle that imports it. */
const shared = globalThis as typeof globalThis & { todoDatabase?: Promise<OpenDatabase> }

/** The process's database, opened, migrated and proven on the first call. */
export function database(): Promise<OpenDatabase> {
  shared.todoDatabase ??= open().catch((error) => {
    // The next request tries again, so that the service comes up by itself with its database.
    delete shared.todoDatabase
    throw error
  })
  return shared.todoDatabase
}

/** A Kysely bound to one user; see `databaseFor` in `db/scoped.ts`. */
export async function databaseFor(userId: string): Promise<CallerDatabase> {
  return (await database()).forUser(userId)
}

/** The session of a signed token; see `findSession` in `db/sessions.ts`. */
export async function findSession(token: string): Promise<Session | undefined> {
  return await (await database()).findSession(token)
}

/** Closes the database once nothing uses it any more. */
export async function closeDatabase(): Promise<void> {
  const opened = shared.todoDatabase
  delete shared.todoDatabase
  await (await opened)?.close()
}

async function open(): Promise<OpenDatabase> {
  const timeoutMs = env().DATABASE_TIMEOUT_MS
  const opened = await openDatabase({
    url: env().DATABASE_URL,
    driver: env().DATABASE_DRIVER,
    neonFetchEndpoint: env().NEON_FETCH_ENDPOINT,
    poolSize: env().DATABASE_POOL_SIZE,
    queueLimit: env().DATABASE_QUEUE_LIMIT,
    namedStatements: env().DATABASE_NAMED_STATEMENTS,
    usersTable: env().USERS_TABLE,
    usersIdType: env().USERS_ID_TYPE,
    sessionsTable: env().SESSIONS_TABLE,
    connectTimeoutMs: Math.ceil(timeoutMs * 0.375),
    limits: { deadlineMs: timeoutMs, statementTimeoutMs: Math.ceil(timeoutMs * 0.625) },
    onFault: (err) => log().warn({ event: 'idle_connection_lost', err }),
  })
  try {
    await opened.prepare()
    return opened
  } catch (error) {
    await opened.close()
    throw error
  }
}

/** Whether a failed start is an outage that may pass, so that waiting is better than giving up. */
export function isOutage(error: unknown): boolean {
  return error instanceof DatabaseError && error.kind === 'unavailable'
}
