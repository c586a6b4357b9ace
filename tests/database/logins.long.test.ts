import { expect, test } from 'vitest'
import { makeReady, newDatabase, server, start } from '#tests/support/databases'
import { newOwnedDatabase } from '#tests/support/earlier-migrations'
import { createLogin, runSql } from '#tests/support/postgres'
import { tasksOf } from '#tests/support/statements'

const dumped = ['select user_id from rate_limits', 'select id from users']

/** From the plainest login to the mightiest. Neon’s console makes the last. */
test.each([
  ['an owner that may create roles', 'createrole'],
  ['a superuser', 'superuser'],
  ['a role that bypasses row-level security', 'createrole bypassrls'],
])('with the login %s the second wall holds alone', async (_, attributes) => {
  const { url, urlOf } = await newOwnedDatabase({ attributes })
  const database = await start(url)
  await tasksOf(database, 'alice').create()
  const bob = database.forUser('bob')
  expect(await bob.selectFrom('tasks').selectAll().execute()).toEqual([])
  expect(await bob.deleteFrom('tasks').returning('id').execute()).toEqual([])

  // As pg_dump reads a table: with a login that is held to row-level security, a backup is refused.
  const dump = (as: string, rowSecurity: 'on' | 'off') =>
    runSql(as, `set row_security = ${rowSecurity}`, ...dumped, 'select user_id from tasks')
  const everything = [{ user_id: 'alice' }]
  const isHeld = attributes === 'createrole'
  if (isHeld) await expect(dump(url, 'off')).rejects.toThrow('affected by row-level security')
  else expect(await dump(url, 'off')).toEqual(everything)
  expect(await dump(url, 'on')).toEqual(isHeld ? [] : everything)
  const backup = await createLogin(server, 'bypassrls in role pg_read_all_data')
  expect(await dump(urlOf(backup), 'off')).toEqual(everything)
})

test('a login that may not migrate is told what to run', async () => {
  const { sql, urlOf } = await newDatabase()
  // Before Postgres 15 everybody may make tables in it.
  await sql('revoke create on schema public from public')
  const starting = makeReady(urlOf(await createLogin(server)))
  await expect(starting).rejects.toThrow(/may not migrate: .*CREATE ROLE todo_app NOLOGIN/)
})

test('a login that may migrate but not take the role is told what to run', async () => {
  const { owner, sql, url } = await newOwnedDatabase({ attributes: '' })
  await sql(`revoke todo_app from ${owner}`)
  const message = expect.stringContaining('GRANT todo_app TO')
  await expect(makeReady(url)).rejects.toMatchObject({ kind: 'not_isolated', message })
})
