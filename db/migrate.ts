import { CompiledQuery, type Dialect, Kysely, PostgresAdapter, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { sqlStateOf, toDatabaseError } from '#db/errors'
import { createTasks, type UsersIdType } from '#db/migrations/0001-tasks'
import { limitRates } from '#db/migrations/0002-rate-limits'
import { takePermitsInTurn } from '#db/migrations/0003-permits-in-turn'
import { recogniseOwnTables } from '#db/migrations/0004-own-tables'
import { guardFunctions } from '#db/migrations/0005-guarded-functions'
import { boundCosts } from '#db/migrations/0006-bounded-costs'
import { spareWrites } from '#db/migrations/0007-spare-permits'
import { moveTasks } from '#db/migrations/0008-moved-tasks'
import { tellExactWait } from '#db/migrations/0009-exact-refusals'
import { closeTables } from '#db/migrations/0010-closed-tables'
import { callerRole } from '#db/scoped'
import { plainNames, refuseUnsuitable, suitability } from '#db/suitability'
import type { TableName } from '#db/table-name'
import type { Row, Transport } from '#db/transports/transport'

/** A migration that has landed never changes. A change to the schema is a new entry at the end. */
function migrations(usersTable: TableName, usersIdType: UsersIdType): Record<string, Migration> {
  return {
    '0001-tasks': { up: createTasks(usersTable, usersIdType) },
    '0002-rate-limits': { up: limitRates },
    '0003-permits-in-turn': { up: takePermitsInTurn },
    '0004-own-tables': { up: recogniseOwnTables(usersTable) },
    '0005-guarded-functions': { up: guardFunctions(usersTable) },
    '0006-bounded-costs': { up: boundCosts },
    '0007-spare-permits': { up: spareWrites },
    '0008-moved-tasks': { up: moveTasks },
    '0009-exact-refusals': { up: tellExactWait },
    '0010-closed-tables': { up: closeTables },
  }
}

/** The migrations that this code needs. The database may have later ones too. */
export const migrationNames = Object.keys(migrations({ table: 'users' }, 'text'))
export const latestMigration = migrationNames.at(-1)

/** The number of the advisory lock. It is arbitrary, but must not change. */
const lockId = 7_236_401_955
const timeoutMs = 60_000
const attempts = 5

/**
 * SQLSTATEs of a migration that met another's, since databases of one cluster share the role: a unique
 * violation, a duplicate object, a tuple that was updated concurrently.
 */
const races = new Set(['23505', '42710', 'XX000'])
const otherList =
  '. If another program keeps a list in kysely_migration, run, and start again: CREATE SCHEMA todo AUTHORIZATION <the login in DATABASE_URL>; ALTER ROLE <the login in DATABASE_URL> SET search_path = todo, public;'

/**
 * Brings the database to the latest migration, or leaves it as it is. Several processes may call it
 * at once: a lock lets one of them migrate, and the others find it done.
 *
 * @returns the names of the migrations that ran
 * @throws DatabaseError in an outage, what `refuseUnsuitable` throws, an Error that says which right
 *   the login lacks, or what the failing migration threw
 */
export async function migrate(
  transport: Transport,
  usersTable: TableName,
  usersIdType: UsersIdType,
): Promise<string[]> {
  const db = openSessions(transport)
  const attempt = () =>
    db.transaction().execute((within) => migrateWithin(within, usersTable, usersIdType))
  try {
    return await retryRaces(attempt, attempts)
  } catch (error) {
    if (sqlStateOf(error) === '42501') throw lacksRight(error)
    const meaning = toDatabaseError(error, true)
    throw meaning.kind === 'unavailable' ? meaning : error
  } finally {
    await db.destroy()
  }
}

/** Runs a transaction again, `limit` times in all, where it met the migration of another database. */
export async function retryRaces<T>(run: () => Promise<T>, limit: number): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await run()
    } catch (error) {
      if (tried === limit || !races.has(sqlStateOf(error) ?? '')) throw error
    }
  }
}

/** A Kysely on real sessions, whose transactions may run the migrations. */
export function openSessions(transport: Transport): Kysely<unknown> {
  return new Kysely<unknown>({ dialect: withoutSessionLocks(transport.sessions()) })
}

/** Takes the lock that lets one process at a time change the schema, until the transaction ends. */
export async function lockSchema(transaction: Kysely<unknown>): Promise<void> {
  await sql`select set_config('statement_timeout', ${String(timeoutMs)}, true)`.execute(transaction)
  await sql`select pg_advisory_xact_lock(${sql.lit(lockId)})`.execute(transaction)
}

/** Runs the missing migrations inside a transaction. Returns and throws like `migrate`. */
export async function migrateWithin(
  db: Kysely<unknown>,
  usersTable: TableName,
  usersIdType: UsersIdType,
): Promise<string[]> {
  const { rows } = await db.executeQuery<Row>(CompiledQuery.raw(suitability.sql))
  refuseUnsuitable(rows[0])
  await lockSchema(db)
  await db.executeQuery(CompiledQuery.raw(plainNames.sql))
  // Its tables stay where they are: the search path may have another schema in front by now.
  await sql`select set_config('search_path', concat_ws(', ', quote_ident(nspname), current_setting('search_path')), true)
    from pg_namespace join pg_class on relnamespace = pg_namespace.oid join pg_policy on polrelid = pg_class.oid
    where pg_class.oid = to_regclass('tasks') and polname = 'tasks_of_caller'`.execute(db)
  // Kysely hides the refusal of its first statement, and fails at the next one.
  await sql`do $$ begin if not coalesce(has_schema_privilege(current_schema(), 'create'), false) then
    raise insufficient_privilege using message = 'it may not create tables'; end if; end $$`.execute(
    db,
  )
  await refuseForeignTasks(db)
  // By itself Kysely takes a list in any schema for its own.
  const { rows: places } = await sql<{ migrationTableSchema: string }>`
    select current_schema() as "migrationTableSchema"`.execute(db)
  const migrator = new Migrator({
    db,
    ...places[0],
    provider: { getMigrations: async () => migrations(usersTable, usersIdType) },
  })
  const { error, results = [] } = await migrator.migrateToLatest()
  const failed = results.find(({ status }) => status === 'Error')
  if (error instanceof Error) {
    if (failed !== undefined) error.message = `migration ${failed.migrationName}: ${error.message}`
    if (error.message.startsWith('corrupted migrations')) error.message += otherList
  }
  if (error !== undefined) throw error
  // A login that owns nothing must be able to check the migrations.
  await sql`grant select on kysely_migration to ${sql.ref(callerRole)}`.execute(db)
  return results.map(({ migrationName }) => migrationName)
}

/** Refuses to migrate if another backend has made a table `tasks`, which holds its tasks. */
async function refuseForeignTasks(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql`select from pg_class
    where relname = 'tasks' and relnamespace = quote_ident(current_schema())::regnamespace
    and to_regproc('todo_owner') is null`.execute(db)
  if (rows.length === 0) return
  throw new Error(
    'The database has a table "tasks" that another backend made. To see what bringing its tasks over would do, which changes nothing, run: npm run db:adopt\nTo do it, run: npm run db:adopt -- --yes',
  )
}

/**
 * Turns off Kysely's own lock, which belongs to a session. Behind a pooler in transaction mode
 * (PgBouncer, Neon's `-pooler` hosts) it would be taken on one connection, released on another, and
 * never be free again.
 */
function withoutSessionLocks(dialect: Dialect): Dialect {
  return {
    createAdapter: () => new LocklessAdapter(),
    createDriver: () => dialect.createDriver(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
  }
}

class LocklessAdapter extends PostgresAdapter {
  override async acquireMigrationLock() {}
  override async releaseMigrationLock() {}
}

function lacksRight(error: unknown): Error {
  const reason = error instanceof Error ? error.message : String(error)
  return new Error(
    `The login in DATABASE_URL may not migrate: ${reason}. Run the migrations once with the URL of a role that may (npm run db:migrate), or run as an administrator: CREATE ROLE ${callerRole} NOLOGIN; GRANT ${callerRole} TO <the login>; GRANT CREATE, USAGE ON SCHEMA <the schema> TO <the login>; and start again.`,
    { cause: error },
  )
}
