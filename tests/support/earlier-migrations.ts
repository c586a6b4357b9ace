import { Kysely, PostgresDialect, sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { Pool } from 'pg'
import { createTasks } from '#db/migrations/0001-tasks'
import { limitRates } from '#db/migrations/0002-rate-limits'
import { takePermitsInTurn } from '#db/migrations/0003-permits-in-turn'
import { recogniseOwnTables } from '#db/migrations/0004-own-tables'
import { newDatabase, server } from '#tests/support/databases'
import { createLogin } from '#tests/support/postgres'

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

interface Owned {
  readonly attributes?: string
  readonly guests?: readonly string[]
}

/** A database with an owner of its own, who and whose guests may take `todo_app`. */
export async function newOwnedDatabase({ attributes = 'createrole', guests = [] }: Owned = {}) {
  const owner = await createLogin(server, attributes)
  const database = await newDatabase()
  const logins = [owner, ...guests]
  await database.sql(
    `do $$ begin create role todo_app nologin; exception when duplicate_object or unique_violation then null; end $$`,
    `alter database ${database.name} owner to ${owner}`,
    `alter schema public owner to ${owner}`,
    `grant todo_app to ${logins.join()}`,
  )
  return {
    ...database,
    owner,
    /** Its URL as the owner. */
    url: database.urlOf(owner),
    admin: database.url,
    createAlicesTask: () =>
      database.sql(
        `insert into users (id) values ('alice')`,
        `insert into tasks (user_id, id, title) values ('alice', gen_random_uuid(), 'private')`,
      ),
  }
}
