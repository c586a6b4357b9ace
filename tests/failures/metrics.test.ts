import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openWorld, type World } from '#tests/failures/world'
import { endWaitingSession, whileTasksAreLocked } from '#tests/support/locked-tasks'
import { linesAbout } from '#tests/support/log-lines'
import { metricsToken, readMetrics } from '#tests/support/metrics'
import { password } from '#tests/support/postgres'
import { newUser, testSecret, tokenFor } from '#tests/support/tokens'

let world: World

beforeAll(async () => {
  world = await openWorld({
    DATABASE_TIMEOUT_MS: '20000',
    DATABASE_POOL_SIZE: '2',
    METRICS_TOKEN: metricsToken,
    RATE_LIMIT: '9/60',
    RATE_LIMIT_ADDRESS: '20/60',
    TRUSTED_PROXIES: '127.0.0.1',
  })
})
afterAll(() => world?.close())

let addresses = 0

/** Lists somebody's tasks, from an address that nobody else has. @returns the status */
async function list(token?: string, path = '/api/tasks', others = {}): Promise<number> {
  addresses += 1
  const from = { 'x-forwarded-for': `203.0.113.${addresses}`, ...others }
  const headers = token === undefined ? from : { ...from, authorization: `Bearer ${token}` }
  return (await fetch(world.url + path, { headers })).status
}

const ofNewUser = () => tokenFor(newUser())

/** Checks what `work` adds to samples. */
async function expectGrowth(work: () => Promise<unknown>, samples: Record<string, number>) {
  const before = await readMetrics(world.url)
  await work()
  const after = await readMetrics(world.url)
  const grown = Object.keys(samples).map((name) => [name, after.of(name) - before.of(name)])
  expect(Object.fromEntries(grown)).toEqual(samples)
}

const sampleOf = async (name: string) => (await readMetrics(world.url)).of(name)
async function readPool() {
  const { of } = await readMetrics(world.url)
  const [inUse, idle] = ['in_use', 'idle'].map((state) =>
    of(`db_pool_connections{state="${state}"}`),
  )
  return { waiting: of('db_pool_waiting'), inUse, idle }
}

test('/metrics has what went wrong at zero before it happens, so that the first time is an increase', async () => {
  const { text } = await readMetrics(world.url)
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
  const token = await ofNewUser()
  const work = async () => {
    for (const path of ['/api/tasks', '/api/tasks/']) expect(await list(token, path)).toBe(200)
    expect(await list(undefined, '/metrics')).toBe(401)
    expect(await list(`${metricsToken}x`, '/metrics')).toBe(401)
  }
  const labels = 'method="GET",route="/api/tasks",status="200"'
  await expectGrowth(work, {
    [`http_requests_total{${labels}}`]: 2,
    [`http_request_duration_seconds_count{${labels}}`]: 2,
    'db_batch_duration_seconds_count{operation="SELECT",outcome="ok"}': 2,
  })
  expect((await readMetrics(world.url)).text).not.toContain('route="/metrics"')
})

test('/metrics counts credentials that were refused, by reason', async () => {
  const work = async () => {
    expect(await list()).toBe(401)
    expect(await list('forged')).toBe(401)
    expect(await list('forged.too')).toBe(401)
    expect(await list(await tokenFor(newUser(), { exp: 1 }))).toBe(401)
    expect(await list(await ofNewUser(), '/api/somebody-else/tasks')).toBe(403)
  }
  await expectGrowth(work, {
    'credentials_refused_total{reason="credentials_missing"}': 1,
    'credentials_refused_total{reason="token_invalid"}': 2,
    'credentials_refused_total{reason="token_expired"}': 1,
    'credentials_refused_total{reason="other_user"}': 1,
  })
})

test('/metrics counts requests over a limit, by whose limit it is', async () => {
  const token = await ofNewUser()
  const from = { 'x-forwarded-for': '198.51.100.7' }
  const work = async () => {
    await Promise.all(Array.from({ length: 12 }, () => list(token)))
    await Promise.all(Array.from({ length: 25 }, () => list(undefined, '/api/tasks', from)))
  }
  await expectGrowth(work, {
    'http_requests_total{method="GET",route="/api/tasks",status="429"}': 3 + 5,
    'rate_limited_total{policy="user"}': 3,
    'rate_limited_total{policy="address"}': 5,
  })
})

test('/metrics shows a pool that is full, who waits for it, and that it is free again', async () => {
  await whileTasksAreLocked(world.direct, async (release) => {
    // Each meets the lock on a connection that it shares, and then waits for one of its own.
    const answers = Promise.all(Array.from({ length: 5 }, async () => list(await ofNewUser())))
    await expect.poll(readPool).toEqual({ waiting: 4, inUse: 1, idle: 1 })
    await release()
    expect(await answers).toEqual([200, 200, 200, 200, 200])
  })
  expect(await readPool()).toEqual({ waiting: 0, inUse: 0, idle: 2 })
})

test('/metrics counts what is sent again: of a network that refuses, and of a session that was ended', async () => {
  const token = await ofNewUser()
  const refusals = 'db_retries_total{reason="network"}'
  const before = await sampleOf(refusals)
  world.proxy.mode = 'refuse'
  world.proxy.reset()
  const late = list(token)
  await expect.poll(() => sampleOf(refusals)).toBeGreaterThan(before)
  world.proxy.mode = 'pass'
  expect(await late).toBe(200)

  const work = () =>
    whileTasksAreLocked(world.direct, async (release) => {
      const ended = list(token)
      await endWaitingSession(world.direct)
      await release()
      expect(await ended).toBe(200)
    })
  await expectGrowth(work, { 'db_retries_total{reason="57P01"}': 1 })
})

test('/metrics shows an event loop that stood still', async () => {
  const maximumAfterStop = async () => {
    await readMetrics(world.url)
    await sleep(50)
    world.service.process.kill('SIGSTOP')
    await sleep(300)
    world.service.process.kill('SIGCONT')
    // Each reading begins the measurement anew, which must first see that the loop goes on.
    await sleep(50)
    return await sampleOf('nodejs_eventloop_lag_max_seconds')
  }
  await expect.poll(maximumAfterStop).toBeGreaterThan(0.2)
})

test('an outage is a fault in the log, without a secret, and /metrics goes on', async () => {
  const token = await ofNewUser()
  const named = { 'x-request-id': 'in-the-outage' }
  const work = async () => {
    world.proxy.mode = 'refuse'
    world.proxy.reset()
    expect(await list(token, '/api/tasks', named)).toBe(503)
    world.proxy.mode = 'pass'
  }
  await expectGrowth(work, {
    'http_requests_total{method="GET",route="/api/tasks",status="503"}': 1,
    'faults_total{code="database_unavailable"}': 1,
    'faults_total{code="internal_error"}': 0,
    'db_batch_duration_seconds_count{operation="SELECT",outcome="unavailable"}': 3,
  })
  await expect
    .poll(() => linesAbout(world.service, 'in-the-outage')[0])
    .toMatchObject({
      event: 'fault',
      route: '/api/tasks',
      userId: expect.any(String),
      err: { type: 'DatabaseError', cause: { code: 'ECONNRESET' } },
    })
  for (const secret of [password, testSecret, metricsToken, token]) {
    expect(world.service.output()).not.toContain(secret)
  }
})
