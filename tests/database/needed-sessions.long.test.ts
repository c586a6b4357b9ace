import { beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import { openDatabase } from '#db/database'
import { readTableName } from '#db/table-name'
import { options } from '#tests/support/databases'
import { createDatabase, createLogin, postgresAt, runSql } from '#tests/support/postgres'

const server = postgresAt(inject('postgresPort'))
const whole = `create table session (token text, "userId" text, "expiresAt" timestamptz)`
const snake = 'create table session (token text, user_id text, expires_at timestamptz)'

let name = ''
let login = ''

beforeAll(async () => {
  name = await createDatabase(server)
  const owner = await openDatabase({ ...options, url: server.url(name) })
  await owner.makeReady()
  await owner.close()
  login = await createLogin(server, 'in role todo_app')
  await runSql(
    server.url(name),
    `grant execute on function todo_service() to ${login}`,
    'revoke create on schema public from public',
  )
})

/** Opens the database as the service does with SESSION_TOKENS, as a login that owns nothing. */
async function openWith(statements: readonly string[], table = 'session') {
  await runSql(
    server.url(name),
    // A view of sessions goes with its schema.
    'drop schema if exists auth cascade',
    'drop table if exists session',
    ...statements.map((statement) => statement.replaceAll('<login>', login)),
  )
  const url = server.url(name, login)
  const sessionsTable = readTableName(table) ?? options.sessionsTable
  const database = await openDatabase({ ...options, url, sessionsTable, needsSessions: true })
  onTestFinished(() => database.close())
  return database
}

const grant = 'grant select on session to <login>'
const column = (table: string, name: string) => [table, grant, `alter table session drop ${name}`]
const elsewhere = ['create schema auth', whole.replace('session', 'auth.session')]
const readable = [...elsewhere, 'grant select on auth.session to <login>']

test.each([
  ['is not there', [], 'session', /no table "session".*secondaryStorage.*storeSessionInDatabase/],
  ['is in another schema', readable, 'session', /no table "session"/],
  ['is in a schema that is not there', [], 'auth.session', /no table "auth"."session"/],
  ['has no token', column(whole, 'token'), 'session', /no column token\./],
  ['has no userId', column(whole, '"userId"'), 'session', /no column userId or user_id\./],
  ['has no user_id', column(snake, 'user_id'), 'session', /no column userId or user_id\./],
  ['has no expiresAt', column(whole, '"expiresAt"'), 'session', /expiresAt or expires_at\./],
  ['has no expires_at', column(snake, 'expires_at'), 'session', /expiresAt or expires_at\./],
  ['may not be read', [whole], 'session', /may not read .*GRANT SELECT ON "session"/],
  [
    'may be read only in part',
    [whole, 'grant select (token) on session to <login>'],
    'session',
    /may not read/,
  ],
  ['is in a schema that may not be used', readable, 'auth.session', /GRANT USAGE ON SCHEMA/],
])(
  'where the sessions table %s, the start and the readiness say so',
  async (_, made, table, says) => {
    const database = await openWith(made, table)
    for (const ask of [() => database.makeReady(), () => database.isReady()]) {
      await expect(ask()).rejects.toMatchObject({
        kind: 'unsuitable',
        message: expect.stringMatching(says),
      })
    }
  },
)

test.each([
  ['in camel case', [whole, grant], 'session'],
  ['in snake case', [snake, grant], 'session'],
  [
    'in a schema of its own',
    [...readable, 'grant usage on schema auth to <login>'],
    'auth.session',
  ],
  ['that is a view', [...elsewhere, 'create view session as table auth.session', grant], 'session'],
])('a sessions table %s is enough', async (_, made, table) => {
  const database = await openWith(made, table)
  await database.makeReady()
  expect(await database.isReady()).toBe(true)
  expect(await database.selectSession('none')).toBeUndefined()
})
