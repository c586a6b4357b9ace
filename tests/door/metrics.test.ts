import { expect, inject, test } from 'vitest'
import { metricsToken, readMetrics } from '#tests/support/metrics'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))

test('/metrics of one worker tells of all', async () => {
  await using workers = await startService('node', {
    DATABASE_URL: server.url(await createDatabase(server)),
    WORKERS: '2',
    METRICS_TOKEN: metricsToken,
  })
  const headers = { authorization: `Bearer ${await tokenFor(newUser())}`, connection: 'close' }
  const send = () => fetch(`${workers.url}/api/tasks`, { headers })
  for (let sent = 0; sent < 20; sent += 1) expect((await send()).status).toBe(200)
  const { of } = await readMetrics(workers.url)
  expect(of('http_requests_total{method="GET",route="/api/tasks",status="200"}')).toBe(20)
  expect(of('db_pool_connections{state="idle"}')).toBeGreaterThan(0)
  expect(of('db_pool_waiting')).toBe(0)
})
