import { expect, test } from 'vitest'
import { readTableName } from '#db/table-name'
import { makeReady, newDatabase, open, options, server } from '#tests/support/databases'
import { createLogin } from '#tests/support/postgres'

const { url, urlOf, sql } = await newDatabase()
await makeReady(url)
const login = await createLogin(server, 'in role todo_app')
await sql(
  `grant execute on function todo_service() to ${login}`,
  'revoke create on schema public from public',
)

/** Opens the database as the service does with SESSION_TOKENS, as a login that owns nothing. */
async function openWith(table: string, statements: readonly string[]) {
  // A view of sessions goes with its schema.
  await sql('drop schema if exists auth cascade', 'drop table if exists session', ...statements)
  const sessionsTable = readTableName(table) ?? options.sessionsTable
  return await open(urlOf(login), { sessionsTable, needsSessions: true })
}

const expiry = '2030-01-02T03:04:05.678Z'
const make = (table: string, user: string, expires: string) => [
  `create table ${table} (token text, ${user} text, ${expires} timestamptz)`,
  `insert into ${table} values ('known', 'anna', '${expiry}')`,
]
const camel = make('session', '"userId"', '"expiresAt"')
const snake = make('session', 'user_id', 'expires_at')
const grant = `grant select on session to ${login}`
const without = (table: readonly string[], column: string) => [
  ...[...table, grant, `alter table session drop ${column}`],
]
const elsewhere = ['create schema auth', ...make('auth.session', '"userId"', '"expiresAt"')]
const readable = [...elsewhere, `grant select on auth.session to ${login}`]

test.each([
  ['in camel case', 'session', [...camel, grant]],
  ['in snake case', 'session', [...snake, grant]],
  ['in a schema', 'auth.session', [...readable, `grant usage on schema auth to ${login}`]],
  ['that is a view', 'session', [...elsewhere, 'create view session as table auth.session', grant]],
])('a session is found in a table %s', async (_, table, made) => {
  const database = await openWith(table, made)
  await database.makeReady()
  expect(await database.isReady()).toBe(true)
  const session = { userId: 'anna', expiresAt: Date.parse(expiry) }
  expect(await database.selectSession('known')).toEqual(session)
  expect(await database.selectSession('unknown')).toBeUndefined()
})

const check = 'Check SESSIONS_TABLE'
const lacks = 'has no userId or expiresAt.'
const noUser = /no column userId or user_id\./
const noExpiry = /expiresAt or expires_at\./
const grantPart = `grant select (token) on session to ${login}`
test.each([
  ['is not there', 'session', [], /no table "session".*secondaryStorage.*InDatabase/, check],
  ['is in another schema', 'session', readable, /no table "session"/, check],
  ['is in a schema that is not there', 'auth.session', [], /no table "auth"."session"/, check],
  ['has no token', 'session', without(camel, 'token'), /no column token\./, check],
  ['has no userId', 'session', without(camel, '"userId"'), noUser, lacks],
  ['has no user_id', 'session', without(snake, 'user_id'), noUser, lacks],
  ['has no expiresAt', 'session', without(camel, '"expiresAt"'), noExpiry, lacks],
  ['has no expires_at', 'session', without(snake, 'expires_at'), noExpiry, lacks],
  ['may not be read', 'session', camel, /may not read .*GRANT SELECT ON "session"/, check],
  ['may be read only in part', 'session', [...camel, grantPart], /may not read/, check],
  ['is in a schema that may not be used', 'auth.session', readable, /GRANT USAGE ON SCHEMA/, check],
])('where the sessions table %s, the start, the readiness and a look-up say so', async (...row) => {
  const [, table, made, says, laterSays] = row
  const database = await openWith(table, made)
  const refused = { kind: 'unsuitable', message: expect.stringMatching(says) }
  await expect(database.makeReady()).rejects.toMatchObject(refused)
  await expect(database.isReady()).rejects.toMatchObject(refused)
  const later = { kind: 'unsuitable', message: expect.stringContaining(laterSays) }
  await expect(database.selectSession('known')).rejects.toMatchObject(later)
})

test('a look-up changes nothing, whatever SESSIONS_TABLE names', async () => {
  const database = await openWith('session', [
    ...elsewhere,
    'create table seen (token text)',
    `create function note() returns setof auth.session language plpgsql as $$ begin
      insert into seen values ('known');
      return query select * from auth.session;
    end $$`,
    'create view session as select * from note()',
    `grant all on session, seen, auth.session to ${login}`,
    `grant usage on schema auth to ${login}`,
  ])
  await expect(database.selectSession('known')).rejects.toMatchObject({ sqlState: '25006' })
  expect(await sql('select * from seen')).toEqual([])
})
