import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { IsolationError } from '#db/isolation'
import { options } from '#tests/support/databases'
import { createDatabase, createLogin, postgresAt, runSql } from '#tests/support/postgres'
import { send } from '#tests/support/send'
import { launch, type Service, startService } from '#tests/support/service'
import { statementsOf } from '#tests/support/statements'

const server = postgresAt(inject('postgresPort'))

async function openAs(login: string, database: string) {
  const opened = await openDatabase({ ...options, url: server.url(database, login) })
  return opened
}

/** What a login may be, from the plainest to the mightiest. */
const logins = [
  ['an owner that may create roles', 'createrole'],
  ['a superuser', 'superuser'],
  ['a role that bypasses row-level security, as Neon’s console makes them', 'createrole bypassrls'],
] as const

describe.each(logins)('with the login %s', (_, attributes) => {
  test('the second wall holds alone', async () => {
    const login = await createLogin(server, attributes)
    const name = await createDatabase(server)
    await runSql(server.url('postgres'), `alter database ${name} owner to ${login}`)
    await runSql(server.url(name), `alter schema public owner to ${login}`)
    const database = await openAs(login, name)
    // The role may be there already, made for another database by somebody else.
    await runSql(
      server.url('postgres'),
      `do $$ begin create role todo_app nologin; exception when duplicate_object then null; end $$`,
      `grant todo_app to ${login}`,
    )
    await database.prepare()
    await statementsOf(database.forUser('alice'), 'alice').insert(crypto.randomUUID())
    const bob = database.forUser('bob')
    expect(await bob.selectFrom('tasks').selectAll().execute()).toEqual([])
    expect((await bob.deleteFrom('tasks').returning('id').execute()).length).toBe(0)
    expect(await runSql(server.url(name), 'select user_id from tasks')).toEqual([
      { user_id: 'alice' },
    ])
    await database.close()
  })
})

test('a login that owns nothing serves, once an administrator has migrated', async () => {
  const name = await createDatabase(server)
  const administrator = await openAs('postgres', name)
  await administrator.prepare()
  await administrator.close()
  const login = await createLogin(server)
  const before = await openAs(login, name)
  await expect(before.prepare()).rejects.toThrow(/GRANT todo_app TO/)
  await before.close()
  await runSql(server.url('postgres'), `grant todo_app to ${login}`)
  const database = await openAs(login, name)
  await database.prepare()
  await statementsOf(database.forUser('alice'), 'alice').insert(crypto.randomUUID())
  await database.close()
})

test('a login that may not migrate is told what to run', async () => {
  const name = await createDatabase(server)
  const database = await openAs(await createLogin(server), name)
  await expect(database.prepare()).rejects.toThrow(
    /may not migrate: .*CREATE ROLE todo_app NOLOGIN/,
  )
  await database.close()
})

test('a login that may migrate but not take the role is told what to run', async () => {
  const name = await createDatabase(server)
  const login = await createLogin(server)
  await runSql(server.url('postgres'), `alter database ${name} owner to ${login}`)
  await runSql(server.url(name), `alter schema public owner to ${login}`)
  const database = await openAs(login, name)
  const refused = database.prepare()
  await expect(refused).rejects.toThrow(IsolationError)
  await expect(refused).rejects.toThrow(/GRANT todo_app TO/)
  await database.close()
})

/** Each way to break the wall, how to mend it, and what the service says. */
const breaches = [
  [
    'another policy lets everybody in',
    'create policy open on tasks using (true)',
    'drop policy open on tasks',
    'Drop the others',
  ],
  [
    'the policy is gone',
    'alter policy tasks_of_caller on tasks rename to gone; alter policy gone on tasks using (false)',
    `alter policy gone on tasks using (user_id::text = (select nullif(current_setting('app.user_id', true), ''))); alter policy gone on tasks rename to tasks_of_caller`,
    'restore tasks_of_caller',
  ],
  [
    'the policy compares with or true',
    `alter policy tasks_of_caller on tasks using (user_id::text = (select nullif(current_setting('app.user_id', true), '')) or true)`,
    `alter policy tasks_of_caller on tasks using (user_id::text = (select nullif(current_setting('app.user_id', true), '')))`,
    'restore tasks_of_caller',
  ],
  [
    'row-level security is off',
    'alter table tasks disable row level security',
    'alter table tasks enable row level security',
    'ENABLE ROW LEVEL SECURITY',
  ],
  [
    'row-level security is not forced',
    'alter table tasks no force row level security',
    'alter table tasks force row level security',
    'FORCE ROW LEVEL SECURITY',
  ],
] as const

describe('a broken wall', () => {
  let url: string
  let service: Service

  beforeAll(async () => {
    url = server.url(await createDatabase(server))
    service = await startService('node', { DATABASE_URL: url, LOG_LEVEL: 'error' })
  })
  afterAll(() => service?.stop())

  test.each(breaches)('where %s, readiness fails and a start is refused', async (...breach) => {
    const [, breakIt, mendIt, remedy] = breach
    expect((await send(service.url, 'GET', '/health/ready')).status).toBe(200)
    await runSql(url, breakIt)
    const refused = launch('node', { DATABASE_URL: url, PORT: '0' })
    const ready = await send(service.url, 'GET', '/health/ready')
    await new Promise((resolve) => refused.process.once('exit', resolve))
    await runSql(url, mendIt)
    expect(ready.status).toBe(503)
    expect(ready.json()).toMatchObject({ code: 'not_ready' })
    expect(ready.text).not.toContain('policy')
    expect(service.output()).toContain(remedy)
    expect(refused.process.exitCode).toBe(1)
    expect(refused.output()).toContain(remedy)
    expect((await send(service.url, 'GET', '/health/ready')).status).toBe(200)
  })
})

test('where the role itself bypasses, or owns the table, the wall counts as broken', async () => {
  // The role belongs to the cluster, so it is another one that stands in for it here.
  const { proveIsolation } = await import('#db/isolation')
  const name = await createDatabase(server)
  const database = await openAs('postgres', name)
  await database.prepare()
  const asRole = (role: string) => ({
    ...database.transport,
    transaction: (...[statements, timeoutMs]: Parameters<typeof database.transport.transaction>) =>
      database.transport.transaction(
        statements.map(({ sql, parameters }) => ({
          sql: sql.replace(
            'current_user::text',
            `case current_user when '${role}' then 'todo_app' end`,
          ),
          parameters: parameters.map((value) => (value === 'todo_app' ? role : value)),
        })),
        timeoutMs,
      ),
  })
  const mighty = await createLogin(server, 'bypassrls')
  await runSql(server.url(name), `grant select on kysely_migration to ${mighty}`)
  await expect(proveIsolation(asRole(mighty), options.limits)).rejects.toThrow(/NOBYPASSRLS/)
  const owner = await createLogin(server)
  await runSql(
    server.url(name),
    `grant select on kysely_migration to ${owner}`,
    `alter table tasks owner to ${owner}`,
  )
  await expect(proveIsolation(asRole(owner), options.limits)).rejects.toThrow(/REVOKE/)
  await database.close()
})
