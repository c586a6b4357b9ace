import { expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { makeReady, options } from '#tests/support/databases'
import { createDatabase, createLogin, postgresAt, runSql } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

const server = postgresAt(inject('postgresPort'))
const dumped = ['select user_id from rate_limits', 'select id from users']

/** A database that a login of these attributes owns. */
async function createOwned(attributes: string) {
  const login = await createLogin(server, attributes)
  const name = await createDatabase(server)
  await runSql(server.url('postgres'), `alter database ${name} owner to ${login}`)
  await runSql(server.url(name), `alter schema public owner to ${login}`)
  return { login, name, url: server.url(name, login) }
}

/** From the plainest login to the mightiest. */
test.each([
  ['an owner that may create roles', 'createrole', []],
  ['a superuser', 'superuser', [{ user_id: 'alice' }]],
  [
    'a role that bypasses row-level security, as Neon’s console makes them',
    'createrole bypassrls',
    [{ user_id: 'alice' }],
  ],
])('with the login %s the second wall holds alone', async (_, attributes, seen) => {
  const { login, name, url } = await createOwned(attributes)
  await runSql(
    server.url('postgres'),
    // It may be there already, made for another database.
    `do $$ begin create role todo_app nologin; exception when duplicate_object or unique_violation then null; end $$`,
    `grant todo_app to ${login}`,
  )
  const database = await openDatabase({ ...options, url })
  await database.makeReady()
  await statementsOf(database.forUser('alice'), 'alice').insert(crypto.randomUUID())
  const bob = database.forUser('bob')
  expect(await bob.selectFrom('tasks').selectAll().execute()).toEqual([])
  expect(await bob.deleteFrom('tasks').returning('id').execute()).toEqual([])
  await database.close()

  // As pg_dump reads a table: with a login that is held to row-level security, a backup is refused.
  const dump = (as: string, rowSecurity: 'on' | 'off') =>
    runSql(as, `set row_security = ${rowSecurity}`, ...dumped, 'select user_id from tasks')
  if (seen.length > 0) expect(await dump(url, 'off')).toEqual(seen)
  else await expect(dump(url, 'off')).rejects.toThrow('affected by row-level security')
  expect(await dump(url, 'on')).toEqual(seen)
  const backup = await createLogin(server, 'bypassrls in role pg_read_all_data')
  expect(await dump(server.url(name, backup), 'off')).toEqual([{ user_id: 'alice' }])
})

test('a login that may not migrate is told what to run', async () => {
  const name = await createDatabase(server)
  // Before Postgres 15 everybody may make tables in it.
  await runSql(server.url(name), 'revoke create on schema public from public')
  const starting = makeReady(server.url(name, await createLogin(server)))
  await expect(starting).rejects.toThrow(/may not migrate: .*CREATE ROLE todo_app NOLOGIN/)
})

test('a login that may migrate but not take the role is told what to run', async () => {
  const starting = makeReady((await createOwned('')).url)
  const message = expect.stringContaining('GRANT todo_app TO')
  await expect(starting).rejects.toMatchObject({ kind: 'not_isolated', message })
})
