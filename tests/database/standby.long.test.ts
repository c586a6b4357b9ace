import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { logLines } from '#tests/support/log-lines'
import { createDatabase, type PostgresServer, runSql, startPostgres } from '#tests/support/postgres'
import { send } from '#tests/support/send'
import { type Service, startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

let server: PostgresServer
let before: Service
let url: string

beforeAll(async () => {
  server = await startPostgres({ isDurable: true })
  url = server.url(await createDatabase(server))
  before = await startService('node', { DATABASE_URL: url })
})
afterAll(async () => {
  await before?.stop('SIGKILL')
  await server?.remove()
})

test('on a standby the service is not ready and says so, also where it starts there, until it is promoted', async () => {
  expect((await send(before.url, 'GET', '/health/ready')).status).toBe(200)
  await server.kill()
  writeFileSync(join(server.folder, 'standby.signal'), '')
  await server.restart()
  await using during = await startService('node', { DATABASE_URL: url })
  for (const service of [before, during]) {
    await expect
      .poll(
        async () => {
          const { status } = await send(service.url, 'GET', '/health/ready')
          return {
            status,
            says: service.output().includes('The database is read-only: it is a standby.'),
          }
        },
        { timeout: 20_000 },
      )
      .toEqual({ status: 503, says: true })
    expect((await send(service.url, 'GET', '/api/tasks', newUser())).status).toBe(503)
  }
  const events = logLines(during.output()).map(({ event }) => event)
  expect(events).toContain('database_away_at_start')
  await expect
    .poll(() => during.output())
    .toMatch(/^postgres:\/\/….*read-only: it is a standby\. Name the primary/m)
  await runSql(url, 'select pg_promote()')
  for (const service of [before, during]) {
    await expect
      .poll(async () => (await send(service.url, 'GET', '/health/ready')).status, {
        timeout: 20_000,
      })
      .toBe(200)
    expect((await send(service.url, 'GET', '/api/tasks', newUser())).status).toBe(200)
  }
})
