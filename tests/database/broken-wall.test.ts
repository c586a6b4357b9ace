import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { proveIsolation } from '#db/isolation'
import type { Row, Transport } from '#db/transports/transport'
import { options } from '#tests/support/databases'
import { createDatabase, createLogin, postgresAt, runSql } from '#tests/support/postgres'
import { send } from '#tests/support/send'
import { launch, type Service, startService } from '#tests/support/service'

const server = postgresAt(inject('postgresPort'))

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
    // An answer is good for a second.
    await sleep(1100)
    const ready = await send(service.url, 'GET', '/health/ready')
    await refused.ended
    await runSql(url, mendIt)
    expect(ready.status).toBe(503)
    expect(ready.json()).toMatchObject({ code: 'not_ready' })
    expect(ready.text).not.toContain('policy')
    expect(service.output()).toContain(remedy)
    expect(refused.process.exitCode).toBe(1)
    expect(refused.output()).toContain(remedy)
    await sleep(1100)
    expect((await send(service.url, 'GET', '/health/ready')).status).toBe(200)
  })
})

test('where the role itself bypasses, or owns the table, the wall counts as broken', async () => {
  // The role belongs to the cluster, so it is another one that stands in for it here.
  const name = await createDatabase(server)
  const database = await openDatabase({ ...options, url: server.url(name) })
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

test('where role and user do not reach the statement, as behind a pooler that forgets them, the wall counts as broken', async () => {
  const name = await createDatabase(server)
  const database = await openDatabase({ ...options, url: server.url(name) })
  await database.prepare()
  const forgetful: Transport = {
    ...database.transport,
    async transaction(statements, timeoutMs) {
      const results: Row[][] = []
      for (const statement of statements) {
        const [rows = []] = await database.transport.transaction([statement], timeoutMs)
        results.push(rows)
      }
      return results
    },
  }
  await expect(proveIsolation(forgetful, options.limits)).rejects.toMatchObject({
    kind: 'not_isolated',
    message: expect.stringContaining('pooler in statement mode'),
  })
  const halfForgetful: Transport = {
    ...database.transport,
    transaction(statements, timeoutMs) {
      const withoutUser = statements.map(({ sql, parameters }) => ({
        sql: sql.replace("'app.user_id', $2", "'app.nobody', $2"),
        parameters,
      }))
      return database.transport.transaction(withoutUser, timeoutMs)
    },
  }
  await expect(proveIsolation(halfForgetful, options.limits)).rejects.toMatchObject({
    kind: 'not_isolated',
  })
  await database.close()
})
