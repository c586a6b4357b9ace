import { expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { options } from '#tests/support/databases'
import { createDatabase, createLogin, postgresAt, runSql } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

const server = postgresAt(inject('postgresPort'))

const openAs = (login: string, database: string) =>
  openDatabase({ ...options, url: server.url(database, login) })

/** A database with a login of these attributes that owns it. */
async function ownedDatabase(attributes: string) {
  const login = await createLogin(server, attributes)
  const name = await createDatabase(server)
  await runSql(server.url('postgres'), `alter database ${name} owner to ${login}`)
  await runSql(server.url(name), `alter schema public owner to ${login}`)
  return { login, name, database: await openAs(login, name) }
}

/** Lets a login take the role, which may be there already, made for another database. */
const grantRole = (login: string) =>
  runSql(
    server.url('postgres'),
    `do $$ begin create role todo_app nologin; exception when duplicate_object or unique_violation then null; end $$`,
    `grant todo_app to ${login}`,
  )

/** What a login may be, from the plainest to the mightiest. */
const logins = [
  ['an owner that may create roles', 'createrole'],
  ['a superuser', 'superuser'],
  ['a role that bypasses row-level security, as Neon’s console makes them', 'createrole bypassrls'],
] as const

test.each(logins)('with the login %s the second wall holds alone', async (_, attributes) => {
  const { login, name, database } = await ownedDatabase(attributes)
  await grantRole(login)
  await database.makeReady()
  await statementsOf(database.forUser('alice'), 'alice').insert(crypto.randomUUID())
  const bob = database.forUser('bob')
  expect(await bob.selectFrom('tasks').selectAll().execute()).toEqual([])
  expect((await bob.deleteFrom('tasks').returning('id').execute()).length).toBe(0)
  expect(await runSql(server.url(name), 'select user_id from tasks')).toEqual([
    { user_id: 'alice' },
  ])
  await database.close()
})

test('a backup needs a login that row-level security does not bind, and the owner is none', async () => {
  const { login: owner, name, database } = await ownedDatabase('createrole')
  await grantRole(owner)
  await database.makeReady()
  await statementsOf(database.forUser('alice'), 'alice').insert(crypto.randomUUID())
  await database.close()
  // As pg_dump reads a table.
  const dump = (login: string, rowSecurity: 'on' | 'off') =>
    runSql(
      server.url(name, login),
      `set row_security = ${rowSecurity}`,
      'select user_id from rate_limits',
      'select id from users',
      'select user_id from tasks',
    )
  await expect(dump(owner, 'off')).rejects.toThrow('affected by row-level security')
  expect(await dump(owner, 'on')).toEqual([])
  const backup = await createLogin(server, 'bypassrls in role pg_read_all_data')
  for (const login of ['postgres', backup]) {
    expect(await dump(login, 'off')).toEqual([{ user_id: 'alice' }])
  }
})

test('a login that may not migrate is told what to run', async () => {
  const name = await createDatabase(server)
  // Before Postgres 15 everybody may make tables in it.
  await runSql(server.url(name), 'revoke create on schema public from public')
  const database = await openAs(await createLogin(server), name)
  await expect(database.makeReady()).rejects.toThrow(
    /may not migrate: .*CREATE ROLE todo_app NOLOGIN/,
  )
  await database.close()
})

test('a login that may migrate but not take the role is told what to run', async () => {
  const { database } = await ownedDatabase('')
  const refused = database.makeReady()
  await expect(refused).rejects.toMatchObject({ kind: 'not_isolated' })
  await expect(refused).rejects.toThrow(/GRANT todo_app TO/)
  await database.close()
})
