import { expect, test, vi } from 'vitest'
import { migrationNames, retryRaces } from '#db/migrate'
import * as databases from '#tests/support/databases'
import { migrateToUnguarded } from '#tests/support/earlier-migrations'
import { runSql } from '#tests/support/postgres'
import { tasksOf } from '#tests/support/statements'

const { newDatabase } = databases
const everyMigration = migrationNames.map((name) => ({ name }))

/** A process that starts, as far as the database can tell. */
async function start(url: string) {
  const database = await databases.start(url)
  expect(await database.isReady()).toBe(true)
  return database
}

test('several processes that start at once on two empty databases, which share the role, migrate each once', async () => {
  const urls = [(await newDatabase()).url, (await newDatabase()).url]
  await Promise.all([...urls, ...urls, ...urls].map(start))
  for (const url of urls) {
    expect(await runSql(url, 'select name from kysely_migration')).toEqual(everyMigration)
  }
})

test.each(databases.transports)(
  'on %s, migrating twice changes nothing the second time',
  async (name) => {
    const { database, asAdministrator } = await databases.openEmpty(name)
    expect(await database.isReady()).toBe(false)
    await database.makeReady()
    await database.makeReady()
    expect(await database.isReady()).toBe(true)
    expect(await asAdministrator('select name from kysely_migration')).toEqual(everyMigration)
  },
)

test('a migration that fails says its name, and leaves nothing behind', async () => {
  const { url, sql } = await newDatabase()
  // The second migration meets it, after the first has made the users table.
  await sql('create table rate_limits (id int)')
  await expect(start(url)).rejects.toThrow(
    'migration 0002-rate-limits: relation "rate_limits" already exists',
  )
  expect(await sql(`select to_regclass('users') as users`)).toEqual([{ users: null }])
})

test.each(["it's", 'My Todo', 'a"b', '$make$'])(
  'the schema may be called %s: its tables are made beside others of their names, and a request is counted',
  async (schema) => {
    const { name, url, sql } = await newDatabase()
    const quoted = `"${schema.replaceAll('"', '""')}"`
    await sql(
      `create schema ${quoted}`,
      `alter database ${name} set search_path = ${quoted}`,
      'create table public.tasks (id int)',
    )
    const limit = { quota: { requests: 1, seconds: 60 }, onPermit: () => {} }
    const { list } = tasksOf(await start(url), 'alice', 8000, limit)
    expect((await list()).json).toBe('[]')
    await expect(list()).rejects.toMatchObject({ kind: 'rate_limited' })
  },
)

test('services and a program with Kysely may share a database, each with a schema of its own', async () => {
  const { name, url, sql } = await newDatabase()
  const theirs = 'create table kysely_migration (name text primary key, timestamp text not null)'
  const run = `insert into kysely_migration values ('of-theirs', '2026-01-31T08:15:00.000Z')`
  await sql(theirs, run, 'create schema one', 'create schema two')
  await expect(start(url)).rejects.toThrow(/another program .* SET search_path = todo, public;/)
  for (const schema of ['one', 'two']) {
    await sql(`alter database ${name} set search_path = ${schema}, public`)
    await start(url)
    expect(await sql('select name from kysely_migration')).toEqual(everyMigration)
  }
})

test.each([
  ...['23505', '42710', 'XX000'].map((code) => ({ code, runs: 3 })),
  ...['42501', '42P07', '40001', '57P01', '23503'].map((code) => ({ code, runs: 1 })),
])('of three attempts, a migration that fails with $code makes $runs', async ({ code, runs }) => {
  const fail = vi.fn(() => Promise.reject(Object.assign(new Error('of the tests'), { code })))
  await expect(retryRaces(fail, 3)).rejects.toMatchObject({ code })
  expect(fail).toHaveBeenCalledTimes(runs)
})

test('an upgrade stays in the schema of the tables, whatever the search path has in front since', async () => {
  const { name, url, sql } = await newDatabase()
  await migrateToUnguarded(url)
  await sql('create schema later', `alter database ${name} set search_path = later, public`)
  expect((await tasksOf(await start(url), 'alice').list()).json).toBe('[]')
  const inFront = `select from pg_class where relnamespace = 'later'::regnamespace union all
    select from pg_proc where pronamespace = 'later'::regnamespace`
  expect(await sql(inFront)).toEqual([])
})

test('a login whose search path hides the tables from requests is told to set it', async () => {
  const { url, sql } = await newDatabase()
  await sql('create schema postgres')
  await expect(start(url)).rejects.toThrow(/SET search_path/)
})
