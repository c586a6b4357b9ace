import { beforeAll, expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { readTableName } from '#db/table-name'
import { options } from '#tests/support/databases'
import { createDatabase, createLogin, postgresAt, runSql } from '#tests/support/postgres'

const server = postgresAt(inject('postgresPort'))
const expiry = '2030-01-02T03:04:05.678Z'
let name: string
let url: string

beforeAll(async () => {
  name = await createDatabase(server)
  url = server.url(name)
  await runSql(
    url,
    'create schema auth',
    'create table auth.session (token text, "userId" text, "expiresAt" timestamptz)',
    `insert into auth.session values ('known', 'anna', '${expiry}')`,
    `create view snake as select token, "userId" as user_id, "expiresAt" as expires_at from auth.session`,
    'create view no_user as select token, "expiresAt" from auth.session',
    'create view no_expiry as select token, "userId" from auth.session',
    'create view no_token as select "userId", "expiresAt" from auth.session',
    'create table seen (token text)',
    `create function note() returns setof auth.session language plpgsql as $$ begin
      insert into seen values ('known');
      return query select * from auth.session;
    end $$`,
    'create view writes as select * from note()',
  )
})

/** Looks a token up in a table, as a login. */
async function find(table: string, token = 'known', login = 'postgres') {
  const sessionsTable = readTableName(table)
  if (sessionsTable === undefined) throw new Error('It is no table name.')
  const opened = await openDatabase({ ...options, url: server.url(name, login), sessionsTable })
  return await opened.selectSession(token).finally(() => opened.close())
}

test.each(['auth.session', 'snake'])('a session is found in %s', async (table) => {
  expect(await find(table)).toEqual({ userId: 'anna', expiresAt: Date.parse(expiry) })
  expect(await find(table, 'unknown')).toBeUndefined()
})

test.each([
  ...['sessions', 'nowhere.session', 'no_token'].map((table) => [table, 'Check SESSIONS_TABLE']),
  ...['no_user', 'no_expiry'].map((table) => [table, 'has no userId or expiresAt.']),
])('a sessions table that cannot be read is our fault: %s: %s', async (table, says) => {
  const message = expect.stringContaining(says)
  await expect(find(table)).rejects.toMatchObject({ kind: 'unsuitable', message })
})

test('a login without a right to sessions is our fault, and the setting is named', async () => {
  const message = expect.stringContaining('Check SESSIONS_TABLE')
  const refused = { kind: 'unsuitable', message, cause: { sqlState: '42501' } }
  const login = await createLogin(server)
  await expect(find('auth.session', 'known', login)).rejects.toMatchObject(refused)
})

test('a look-up changes nothing, whatever SESSIONS_TABLE names', async () => {
  await expect(find('writes')).rejects.toMatchObject({ sqlState: '25006' })
  expect(await runSql(url, 'select * from seen')).toEqual([])
})
