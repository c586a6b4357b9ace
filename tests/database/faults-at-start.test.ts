import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import { startFaultProxy } from '#tests/support/fault-proxy'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { send } from '#tests/support/send'
import { startService } from '#tests/support/service'
import { deadlineMs, expectUnavailable, slackMs, user } from '#tests/support/service-behind-proxy'

test('a service that starts while the database is away serves 503, and heals by itself', async () => {
  const server = postgresAt(inject('postgresPort'))
  const name = await createDatabase(server)
  const proxy = await startFaultProxy(server.port)
  proxy.mode = 'refuse'
  const late = await startService('node', {
    DATABASE_URL: postgresAt(proxy.port).url(name),
    DATABASE_TIMEOUT_MS: String(deadlineMs),
  })
  try {
    expectUnavailable(await send(late.url, 'GET', '/api/tasks', user))
    expect((await send(late.url, 'GET', '/health/ready')).status).toBe(503)
    expect((await send(late.url, 'GET', '/health')).status).toBe(200)
    proxy.mode = 'stall'
    const stalled = await send(late.url, 'GET', '/api/tasks', user)
    expect(stalled.status).toBe(503)
    expect(stalled.durationMs).toBeLessThan(deadlineMs + slackMs)
    proxy.reset()
    proxy.mode = 'pass'
    const backAt = performance.now()
    while ((await send(late.url, 'GET', '/api/tasks', user)).status !== 200) {
      expect(performance.now() - backAt).toBeLessThan(5000)
      await sleep(50)
    }
    expect((await send(late.url, 'GET', '/health/ready')).status).toBe(200)
  } finally {
    await late.stop()
    await proxy.close()
  }
})
