import { type Dialect, Kysely, PostgresAdapter, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { sqlStateOf, toDatabaseError } from '#db/errors'
import { createTasks, type UsersIdType } from '#db/migrations/0001-tasks'
import { limitRates } from '#db/migrations/0002-rate-limits'
import { takePermitsInTurn } from '#db/migrations/0003-permits-in-turn'
import { recogniseOwnTables } from '#db/migrations/0004-own-tables'
import { guardFunctions } from '#db/migrations/0005-guarded-functions'
import { callerRole } from '#db/scoped'
import type { TableName } from '#db/table-name'
import type { Transport } from '#db/transports/transport'

/** Frozen once landed: a change to the schema is another entry, at the end. */
function migrations(usersTable: TableName, usersIdType: UsersIdType): Record<string, Migration> {
  return {
    '0001-tasks': { up: createTasks(usersTable, usersIdType) },
    '0002-rate-limits': { up: limitRates },
    '0003-permits-in-turn': { up: takePermitsInTurn },
    '0004-own-tables': { up: recogniseOwnTables(usersTable) },
    '0005-guarded-functions': { up: guardFunctions(usersTable) },
  }
}

/** The migrations that this code needs; a database that has them may have later ones too. */
export const migrationNames = Object.keys(migrations({ table: 'users' }, 'text'))
export const latestMigration = migrationNames.at(-1)

/** Any number that nobody else locks. */
const lockId = 7_236_401_955
const timeoutMs = 60_000
const attempts = 5

/**
 * Brings the database to the latest migration, all of it or nothing. Several processes may call it
 * at once: a lock lets one work, and the others find it done.
 *
 * @returns the names of the migrations that ran
 * @throws DatabaseError in an outage, an Error that says which right the login lacks, or what the
 *   failing migration threw
 */
export async function migrate(
  transport: Transport,
  usersTable: TableName,
  usersIdType: UsersIdType,
): Promise<string[]> {
  const db = new Kysely<unknown>({ dialect: withoutSessionLocks(transport.sessions()) })
  try {
    for (let tried = 1; ; tried += 1) {
      try {
        return await db
          .transaction()
          .execute((transaction) => run(transaction, migrations(usersTable, usersIdType)))
      } catch (error) {
        if (sqlStateOf(error) === '42501') throw lacksRight(error)
        if (isRace(error) && tried < attempts) continue
        const meaning = toDatabaseError(error, true)
        throw meaning.kind === 'unavailable' ? meaning : error
      }
    }
  } finally {
    await db.destroy()
  }
}

async function run(db: Kysely<unknown>, all: Record<string, Migration>): Promise<string[]> {
  await sql`select set_config('statement_timeout', ${String(timeoutMs)}, true)`.execute(db)
  await sql`select pg_advisory_xact_lock(${sql.lit(lockId)})`.execute(db)
  // Asked before, because Kysely swallows the refusal of its first statement and fails at its second.
  await sql`do $$ begin
    if not coalesce(has_schema_privilege(current_schema(), 'create'), false) then
      raise insufficient_privilege using message = 'it may not create tables';
    end if;
  end $$`.execute(db)
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => all },
  })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  // So that a login which owns nothing can check it.
  await sql`grant select on kysely_migration to ${sql.ref(callerRole)}`.execute(db)
  return results.map(({ migrationName }) => migrationName)
}

/**
 * Kysely's own lock belongs to a session. Behind a pooler in transaction mode (PgBouncer, Neon's
 * `-pooler` hosts) it would be taken on one connection, released on another, and stay for ever.
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

/** The role belongs to the cluster, so migrations of two databases can meet over it. */
function isRace(error: unknown): boolean {
  const sqlState = sqlStateOf(error)
  return sqlState === '23505' || sqlState === '42710' || sqlState === 'XX000'
}

function lacksRight(error: unknown): Error {
  const reason = error instanceof Error ? error.message : String(error)
  return new Error(
    `The login in DATABASE_URL may not migrate: ${reason}. Run the migrations once with the URL of a role that may (npm run db:migrate), or run as an administrator: CREATE ROLE ${callerRole} NOLOGIN; GRANT ${callerRole} TO <the login>; GRANT CREATE, USAGE ON SCHEMA <the schema> TO <the login>; and start again.`,
    { cause: error },
  )
}
