import { expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { options } from '#tests/support/databases'
import { createDatabase, createLogin, postgresAt, runSql } from '#tests/support/postgres'

const server = postgresAt(inject('postgresPort'))

/** A database whose new tables are open to a role, as on Supabase to everybody on the internet. */
async function openDefaults() {
  const url = server.url(await createDatabase(server))
  const anon = await createLogin(server)
  const open = `alter default privileges grant all on tables to ${anon}`
  await runSql(url, `alter role ${anon} nologin`, open)
  return { url, anon }
}

async function start(url: string, usersTable = options.usersTable): Promise<void> {
  const database = await openDatabase({ ...options, url, usersTable })
  await database.makeReady()
  expect(await database.isReady()).toBe(true)
  await database.close()
}

const own = ['users', 'rate_limits', 'kysely_migration', 'kysely_migration_lock']
const statements = [
  ...own.flatMap((table) => [`select from ${table}`, `delete from ${table}`]),
  // Row-level security is not asked for these.
  ...['truncate tasks', 'create trigger spy before insert on tasks execute function spy()'],
]

test.each(['the first start', 'an upgrade'])(
  'default privileges open no table of the service but tasks, which shows nothing: %s',
  async (when) => {
    const { url, anon } = await openDefaults()
    await start(url)
    if (when === 'an upgrade') {
      const asBefore = `grant all on tasks, ${own.join()} to ${anon}`
      await runSql(url, asBefore, `delete from kysely_migration where name >= '0010'`)
      // Whoever migrates need not say again which users the tasks have.
      await start(url, { table: 'not there' })
    }
    for (const statement of statements) {
      const reached = runSql(url, `set role ${anon}`, statement)
      await expect(reached, statement).rejects.toThrow(/permission denied/)
    }
    expect(await runSql(url, `set role ${anon}`, 'select from tasks')).toEqual([])
  },
)

test('a login, which has a password, keeps what default privileges gave it', async () => {
  const { url, anon } = await openDefaults()
  await runSql(url, `alter role ${anon} login`)
  await start(url)
  expect(await runSql(url, `set role ${anon}`, 'select from users')).toEqual([])
})

test('a users table of somebody else keeps its rights', async () => {
  const { url, anon } = await openDefaults()
  await runSql(url, 'create table users (id text primary key, email text unique, name text)')
  await start(url)
  expect(await runSql(url, `set role ${anon}`, 'select from users')).toEqual([])
})
