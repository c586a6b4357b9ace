import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { logLines } from '#tests/support/log-lines'
import { createDatabase, runSql, startPostgres } from '#tests/support/postgres'
import { send } from '#tests/support/send'
import { type Service, startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

test('on a standby the service is not ready and says so, also where it starts there, until it is promoted', async () => {
  const server = await startPostgres({ isDurable: true })
  onTestFinished(server.remove)
  const url = server.url(await createDatabase(server))
  await using before = await startService('node', { DATABASE_URL: url })
  const statusOf = async (service: Service) =>
    (await send(service.url, 'GET', '/health/ready')).status
  const listStatusOf = async (service: Service) =>
    (await send(service.url, 'GET', '/api/tasks', newUser())).status
  expect(await statusOf(before)).toBe(200)
  await server.kill()
  writeFileSync(join(server.folder, 'standby.signal'), '')
  await server.restart()
  await using during = await startService('node', { DATABASE_URL: url })
  for (const service of [before, during]) {
    await expect.poll(() => statusOf(service)).toBe(503)
    const said = 'The database is read-only: it is a standby.'
    await expect.poll(() => service.output()).toContain(said)
    expect(await listStatusOf(service)).toBe(503)
  }
  const events = logLines(during.output()).map(({ event }) => event)
  expect(events).toContain('database_away_at_start')
  const line = /^postgres:\/\/….*read-only: it is a standby\. Name the primary/m
  await expect.poll(() => during.output()).toMatch(line)
  await runSql(url, 'select pg_promote()')
  for (const service of [before, during]) {
    await expect.poll(() => statusOf(service)).toBe(200)
    expect(await listStatusOf(service)).toBe(200)
  }
})
