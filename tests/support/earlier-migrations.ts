import { Kysely, PostgresDialect } from 'kysely'
import { Pool } from 'pg'
import { createTasks } from '#db/migrations/0001-tasks'
import { limitRates } from '#db/migrations/0002-rate-limits'
import { takePermitsInTurn } from '#db/migrations/0003-permits-in-turn'
import { recogniseOwnTables } from '#db/migrations/0004-own-tables'
import { createDatabase, createLogin, type PostgresAddress, runSql } from '#tests/support/postgres'

const users = { table: 'users' }
const steps = {
  '0001-tasks': createTasks(users, 'text'),
  '0002-rate-limits': limitRates,
  '0003-permits-in-turn': takePermitsInTurn,
  '0004-own-tables': recogniseOwnTables(users),
}

/** Brings an empty database to where it was before the functions and the logins were guarded. */
export async function migrateToUnguarded(url: string): Promise<void> {
  const pool = new Pool({ connectionString: url, max: 1 })
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  await db.transaction().execute(async (transaction) => {
    for (const up of Object.values(steps)) await up(transaction)
  })
  // What Kysely keeps of what ran.
  await pool.query(
    'create table kysely_migration (name varchar(255) primary key, timestamp varchar(255) not null)',
  )
  await pool.query(
    'create table kysely_migration_lock (id varchar(255) primary key, is_locked integer not null default 0)',
  )
  await pool.query("insert into kysely_migration_lock values ('migration_lock', 0)")
  for (const [index, name] of Object.keys(steps).entries()) {
    await pool.query('insert into kysely_migration values ($1, $2)', [
      name,
      `2026-01-01T00:00:0${index}.000Z`,
    ])
  }
  await pool.query('grant select on kysely_migration to todo_app')
  await db.destroy()
}

/** Makes a database with an owner of its own, who and whose guests may take `todo_app`. */
export async function createOwnedDatabase(server: PostgresAddress, ...guests: string[]) {
  const owner = await createLogin(server, 'createrole')
  const name = await createDatabase(server)
  await runSql(
    server.url('postgres'),
    `do $$ begin create role todo_app nologin; exception when duplicate_object then null; end $$`,
    `alter database ${name} owner to ${owner}`,
    ...[owner, ...guests].map((login) => `grant todo_app to ${login}`),
  )
  await runSql(server.url(name), `alter schema public owner to ${owner}`)
  return { name, owner, url: server.url(name, owner) }
}
