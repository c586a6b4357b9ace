import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { host } from '#tests/failures/world'
import { type FaultProxy, startFaultProxy } from '#tests/support/fault-proxy'
import { endWaitingSession, whileTasksAreLocked } from '#tests/support/locked-tasks'
import { linesAbout } from '#tests/support/log-lines'
import { type Metrics, metricsToken, readMetrics } from '#tests/support/metrics'
import { createDatabase, password, postgresAt } from '#tests/support/postgres'
import { type Service, startService } from '#tests/support/service'
import { newUser, testSecret, tokenFor } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
let direct: string
let proxy: FaultProxy
let service: Service

beforeAll(async () => {
  const name = await createDatabase(server)
  direct = server.url(name)
  proxy = await startFaultProxy(server.port)
  service = await startService(host, {
    DATABASE_URL: postgresAt(proxy.port).url(name),
    DATABASE_TIMEOUT_MS: '20000',
    DATABASE_POOL_SIZE: '2',
    METRICS_TOKEN: metricsToken,
    RATE_LIMIT: '9/60',
    RATE_LIMIT_ADDRESS: '20/60',
    TRUSTED_PROXIES: '127.0.0.1',
  })
})
afterAll(async () => {
  await service?.stop('SIGKILL')
  await proxy?.close()
})

let addresses = 0

/** Lists somebody's tasks, from an address that nobody else has. @returns the status */
async function list(headers: Record<string, string> = {}, path = '/api/tasks'): Promise<number> {
  addresses += 1
  const from = { 'x-forwarded-for': `203.0.113.${addresses}` }
  return (await fetch(service.url + path, { headers: { ...from, ...headers } })).status
}

async function bearer(user = newUser(), claims: Record<string, unknown> = {}) {
  return { authorization: `Bearer ${await tokenFor(user, claims)}` }
}

/** What `work` adds to each sample. */
async function growth(work: () => Promise<unknown>): Promise<(sample: string) => number> {
  const before = await readMetrics(service.url)
  await work()
  const after = await readMetrics(service.url)
  return (sample) => after.of(sample) - before.of(sample)
}

/** Reads `/metrics` until it is as expected, or for 10 s. */
async function metricsOnce(isExpected: (metrics: Metrics) => boolean): Promise<Metrics> {
  const end = performance.now() + 10_000
  for (;;) {
    const metrics = await readMetrics(service.url)
    if (isExpected(metrics) || performance.now() > end) return metrics
    await sleep(20)
  }
}

test('/metrics has what went wrong at zero before it happens, so that the first time is an increase', async () => {
  const { text } = await readMetrics(service.url)
  for (const sample of [
    'faults_total{code="internal_error"}',
    'faults_total{code="database_unavailable"}',
    'credentials_refused_total{reason="token_invalid"}',
    'rate_limited_total{policy="user"}',
    'rate_limited_total{policy="address"}',
  ]) {
    expect(text).toContain(`\n${sample} 0\n`)
  }
})

test('/metrics counts each request by pattern and status, for whoever has the token', async () => {
  const headers = await bearer()
  const grown = await growth(async () => {
    for (let sent = 0; sent < 4; sent += 1) {
      expect(await list(headers, sent % 2 === 0 ? '/api/tasks' : '/api/tasks/')).toBe(200)
    }
    expect((await fetch(`${service.url}/metrics`)).status).toBe(401)
    const wrong = { authorization: `Bearer ${metricsToken}x` }
    expect((await fetch(`${service.url}/metrics`, { headers: wrong })).status).toBe(401)
  })
  const labels = 'method="GET",route="/api/tasks",status="200"'
  expect(grown(`http_requests_total{${labels}}`)).toBe(4)
  expect(grown(`http_request_duration_seconds_count{${labels}}`)).toBe(4)
  expect(grown('db_batch_duration_seconds_count{operation="SELECT",outcome="ok"}')).toBe(4)
  expect((await readMetrics(service.url)).text).not.toContain('route="/metrics"')
})

test('/metrics counts credentials that were refused, by reason', async () => {
  const grown = await growth(async () => {
    expect(await list()).toBe(401)
    expect(await list({ authorization: 'Bearer forged' })).toBe(401)
    expect(await list({ authorization: 'Bearer forged.too' })).toBe(401)
    expect(await list(await bearer(newUser(), { exp: 1 }))).toBe(401)
    expect(await list(await bearer(), '/api/somebody-else/tasks')).toBe(403)
  })
  const reasons = { credentials_missing: 1, token_invalid: 2, token_expired: 1, other_user: 1 }
  for (const [reason, count] of Object.entries(reasons)) {
    expect(grown(`credentials_refused_total{reason="${reason}"}`), reason).toBe(count)
  }
})

test('/metrics counts requests over a limit, by whose limit it is', async () => {
  const grown = await growth(async () => {
    const headers = await bearer()
    const ofUser = await Promise.all(Array.from({ length: 12 }, () => list(headers)))
    expect(ofUser.filter((status) => status === 429)).toHaveLength(3)
    const from = { 'x-forwarded-for': '198.51.100.7' }
    const ofAddress = await Promise.all(Array.from({ length: 25 }, () => list(from)))
    expect(ofAddress.filter((status) => status === 429)).toHaveLength(5)
  })
  expect(grown('rate_limited_total{policy="user"}')).toBe(3)
  expect(grown('rate_limited_total{policy="address"}')).toBe(5)
})

test('/metrics shows a pool that is full, who waits for it, and that it is free again', async () => {
  await whileTasksAreLocked(direct, async (release) => {
    // Each meets the lock on a connection that it shares, and then waits for one of its own.
    const answers = Promise.all(Array.from({ length: 5 }, async () => list(await bearer())))
    const busy = await metricsOnce((metrics) => metrics.of('db_pool_waiting') === 4)
    expect(busy.of('db_pool_connections{state="in_use"}')).toBe(1)
    expect(busy.of('db_pool_connections{state="idle"}')).toBe(1)
    await release()
    expect(await answers).toEqual([200, 200, 200, 200, 200])
  })
  const free = await readMetrics(service.url)
  expect(free.of('db_pool_waiting')).toBe(0)
  expect(free.of('db_pool_connections{state="in_use"}')).toBe(0)
  expect(free.of('db_pool_connections{state="idle"}')).toBe(2)
})

test('/metrics counts what is sent again: of a network that refuses, and of a session that was ended', async () => {
  const headers = await bearer()
  const grown = await growth(async () => {
    proxy.mode = 'refuse'
    proxy.reset()
    const late = list(headers)
    await metricsOnce((metrics) => metrics.of('db_retries_total{reason="network"}') > 0)
    proxy.mode = 'pass'
    expect(await late).toBe(200)

    await whileTasksAreLocked(direct, async (release) => {
      const ended = list(headers)
      await endWaitingSession(direct)
      await release()
      expect(await ended).toBe(200)
    })
  })
  expect(grown('db_retries_total{reason="network"}')).toBeGreaterThan(0)
  expect(grown('db_retries_total{reason="57P01"}')).toBe(1)
})

test('/metrics shows an event loop that stood still', async () => {
  const maximumAfterStop = async () => {
    await readMetrics(service.url)
    await sleep(50)
    service.process.kill('SIGSTOP')
    await sleep(300)
    service.process.kill('SIGCONT')
    // Each reading begins the measurement anew, which must first see that the loop goes on.
    await sleep(50)
    return (await readMetrics(service.url)).of('nodejs_eventloop_lag_max_seconds')
  }
  await expect.poll(maximumAfterStop).toBeGreaterThan(0.2)
})

test('an outage is a fault in the log, without a secret, and /metrics goes on', async () => {
  const headers = { ...(await bearer()), 'x-request-id': 'in-the-outage' }
  const grown = await growth(async () => {
    proxy.mode = 'refuse'
    proxy.reset()
    expect(await list(headers)).toBe(503)
  })
  proxy.mode = 'pass'
  expect(grown('http_requests_total{method="GET",route="/api/tasks",status="503"}')).toBe(1)
  expect(grown('faults_total{code="database_unavailable"}')).toBe(1)
  expect(grown('faults_total{code="internal_error"}')).toBe(0)
  const failed = 'db_batch_duration_seconds_count{operation="SELECT",outcome="unavailable"}'
  expect(grown(failed)).toBeGreaterThan(0)

  const ofOutage = () => linesAbout(service, 'in-the-outage')[0]
  await expect.poll(ofOutage).toMatchObject({
    level: 'error',
    event: 'fault',
    code: 'database_unavailable',
    route: '/api/tasks',
    userId: expect.any(String),
    err: { type: 'DatabaseError', cause: { code: 'ECONNRESET' } },
  })
  for (const secret of [password, testSecret, metricsToken, headers.authorization.slice(7)]) {
    expect(service.output()).not.toContain(secret)
  }
})
