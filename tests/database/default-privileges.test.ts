import { expect, test } from 'vitest'
import { makeReady, newDatabase, server, start } from '#tests/support/databases'
import { createLogin } from '#tests/support/postgres'

/** A database whose new tables are open to a role, as on Supabase to everybody on the internet. */
async function openDefaults() {
  const database = await newDatabase()
  const anon = await createLogin(server)
  const open = `alter default privileges grant all on tables to ${anon}`
  await database.sql(`alter role ${anon} nologin`, open)
  const asAnon = (statement: string) => database.sql(`set role ${anon}`, statement)
  return { ...database, anon, asAnon }
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
    const { url, sql, anon, asAnon } = await openDefaults()
    await makeReady(url)
    if (when === 'an upgrade') {
      const asBefore = `grant all on tasks, ${own.join()} to ${anon}`
      await sql(asBefore, `delete from kysely_migration where name >= '0010'`)
      // Whoever migrates need not say again which users the tasks have.
      await makeReady(url, { usersTable: { table: 'not there' } })
    }
    expect(await (await start(url)).isReady()).toBe(true)
    for (const statement of statements) {
      await expect(asAnon(statement), statement).rejects.toThrow(/permission denied/)
    }
    expect(await asAnon('select from tasks')).toEqual([])
  },
)

test.each([
  ['a login, which has a password, keeps', (anon: string) => `alter role ${anon} login`],
  [
    'whoever has a users table of somebody else’s keeps',
    () => 'create table users (id text primary key, email text unique, name text)',
  ],
])('%s what default privileges gave it', async (_, change) => {
  const { url, sql, anon, asAnon } = await openDefaults()
  await sql(change(anon))
  expect(await (await start(url)).isReady()).toBe(true)
  expect(await asAnon('select from users')).toEqual([])
})
