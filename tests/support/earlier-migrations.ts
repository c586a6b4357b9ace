import { Kysely, PostgresDialect, sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { Pool } from 'pg'
import { createTasks } from '#db/migrations/0001-tasks'
import { limitRates } from '#db/migrations/0002-rate-limits'
import { takePermitsInTurn } from '#db/migrations/0003-permits-in-turn'
import { recogniseOwnTables } from '#db/migrations/0004-own-tables'
import { createDatabase, createLogin, type PostgresAddress, runSql } from '#tests/support/postgres'

const users = { table: 'users' }
const steps = {
  '0001-tasks': { up: createTasks(users, 'text') },
  '0002-rate-limits': { up: limitRates },
  '0003-permits-in-turn': { up: takePermitsInTurn },
  '0004-own-tables': { up: recogniseOwnTables(users) },
}

/** Brings an empty database to where it was before the functions and the logins were guarded. */
export async function migrateToUnguarded(url: string): Promise<void> {
  const pool = new Pool({ connectionString: url, max: 1 })
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  const migrator = new Migrator({ db, provider: { getMigrations: async () => steps } })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  await sql`grant select on kysely_migration to todo_app`.execute(db)
  await db.destroy()
}

/** Makes a database with an owner of its own, who and whose guests may take `todo_app`. */
export async function createOwnedDatabase(server: PostgresAddress, ...guests: string[]) {
  const owner = await createLogin(server, 'createrole')
  const name = await createDatabase(server)
  await runSql(
    server.url('postgres'),
    `do $$ begin create role todo_app nologin; exception when duplicate_object or unique_violation then null; end $$`,
    `alter database ${name} owner to ${owner}`,
    ...[owner, ...guests].map((login) => `grant todo_app to ${login}`),
  )
  await runSql(server.url(name), `alter schema public owner to ${owner}`)
  return { name, owner, url: server.url(name, owner) }
}
