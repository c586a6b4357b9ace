import { afterAll, expect, test } from 'vitest'
import { openWorld } from '#tests/failures/world'
import { endWaitingSession, whileTasksAreLocked } from '#tests/support/locked-tasks'
import { metricsToken, readMetrics } from '#tests/support/metrics'
import { password } from '#tests/support/postgres'
import { newUser, testSecret, tokenFor } from '#tests/support/tokens'

const world = await openWorld({
  DATABASE_TIMEOUT_MS: '20000',
  DATABASE_POOL_SIZE: '2',
  METRICS_TOKEN: metricsToken,
  RATE_LIMIT: '9/60',
  RATE_LIMIT_ADDRESS: '20/60',
  TRUSTED_PROXIES: '127.0.0.1',
})
afterAll(world.close)

let addresses = 0

/** Sends a request from an address that nobody else has. @returns the status */
async function ask(token?: string, path = '/api/tasks', others = {}, method = 'GET') {
  addresses += 1
  const from = { 'x-forwarded-for': `203.0.113.${addresses}`, ...others }
  const headers = token === undefined ? from : { ...from, authorization: `Bearer ${token}` }
  return (await fetch(world.url + path, { method, headers })).status
}

const ofNewUser = () => tokenFor(newUser())
const network = (mode: 'pass' | 'refuse') => {
  world.proxy.mode = mode
  if (mode === 'refuse') world.proxy.reset()
}

/** Checks what `work` adds to samples. */
async function expectGrowth(samples: Record<string, number>, work: () => Promise<unknown>) {
  const before = await readMetrics(world.url)
  await work()
  const after = await readMetrics(world.url)
  const grown = Object.keys(samples).map((name) => [name, after.of(name) - before.of(name)])
  expect(Object.fromEntries(grown)).toEqual(samples)
}

test('/metrics has what went wrong at zero before it happens, so that the first time is an increase', async () => {
  const { text } = await readMetrics(world.url)
  for (const sample of [
    'faults_total{code="internal_error"}',
    'credentials_refused_total{reason="token_invalid"}',
    'rate_limited_total{policy="user"}',
    'rate_limited_total{policy="address"}',
  ]) {
    expect(text).toContain(`\n${sample} 0\n`)
  }
})

test('/metrics counts each request by pattern and status, for whoever has the token', async () => {
  const [token, own] = [await ofNewUser(), 'method="GET",route="/api/tasks",status="200"']
  const samples = {
    [`http_requests_total{${own}}`]: 2,
    [`http_request_duration_seconds_count{${own}}`]: 2,
    'db_batch_duration_seconds_count{operation="SELECT",outcome="ok"}': 2,
    // Any word may be a method.
    'http_requests_total{method="_OTHER",route="/api/tasks",status="405"}': 2,
    'http_requests_total{method="OPTIONS",route="/api/tasks",status="204"}': 1,
  }
  await expectGrowth(samples, async () => {
    for (const path of ['/api/tasks', '/api/tasks/']) expect(await ask(token, path)).toBe(200)
    for (const method of ['PROPFIND', 'SEARCH', 'OPTIONS'])
      await ask(token, '/api/tasks', {}, method)
    expect(await ask(undefined, '/metrics')).toBe(401)
    expect(await ask(`${metricsToken}x`, '/metrics')).toBe(401)
  })
  expect((await readMetrics(world.url)).text).not.toContain('route="/metrics"')
})

test('/metrics counts credentials that were refused, by reason', async () => {
  const samples = {
    'credentials_refused_total{reason="credentials_missing"}': 1,
    'credentials_refused_total{reason="token_invalid"}': 2,
    'credentials_refused_total{reason="token_expired"}': 1,
    'credentials_refused_total{reason="other_user"}': 1,
  }
  await expectGrowth(samples, async () => {
    for (const token of [undefined, 'forged', 'forged.too']) expect(await ask(token)).toBe(401)
    expect(await ask(await tokenFor(newUser(), { exp: 1 }))).toBe(401)
    expect(await ask(await ofNewUser(), '/api/somebody-else/tasks')).toBe(403)
  })
})

test('/metrics counts requests over a limit, by whose limit it is', async () => {
  const token = await ofNewUser()
  const from = { 'x-forwarded-for': '198.51.100.7' }
  const samples = {
    'http_requests_total{method="GET",route="/api/tasks",status="429"}': 3 + 5,
    'rate_limited_total{policy="user"}': 3,
    'rate_limited_total{policy="address"}': 5,
  }
  await expectGrowth(samples, async () => {
    await Promise.all(Array.from({ length: 12 }, () => ask(token)))
    await Promise.all(Array.from({ length: 25 }, () => ask(undefined, '/api/tasks', from)))
  })
})

test('/metrics shows a pool that is full, who waits for it, and that it is free again', async () => {
  const readPool = async () => {
    const { of } = await readMetrics(world.url)
    const [waiting, state] = [of('db_pool_waiting'), 'db_pool_connections{state']
    return { waiting, inUse: of(`${state}="in_use"}`), idle: of(`${state}="idle"}`) }
  }
  await whileTasksAreLocked(world.direct, async (release) => {
    // Each meets the lock on a connection that it shares, and then waits for one of its own.
    const answers = Promise.all(Array.from({ length: 5 }, async () => ask(await ofNewUser())))
    await expect.poll(readPool).toEqual({ waiting: 4, inUse: 1, idle: 1 })
    await release()
    expect(await answers).toEqual([200, 200, 200, 200, 200])
  })
  expect(await readPool()).toEqual({ waiting: 0, inUse: 0, idle: 2 })
})

test('/metrics counts what is sent again: of a network that refuses, and of a session that was ended', async () => {
  const token = await ofNewUser()
  const refusals = async () =>
    (await readMetrics(world.url)).of('db_retries_total{reason="network"}')
  const before = await refusals()
  network('refuse')
  const late = ask(token)
  await expect.poll(refusals).toBeGreaterThan(before)
  network('pass')
  expect(await late).toBe(200)

  await expectGrowth({ 'db_retries_total{reason="57P01"}': 1 }, () =>
    whileTasksAreLocked(world.direct, async (release) => {
      const ended = ask(token)
      await endWaitingSession(world.direct)
      await release()
      expect(await ended).toBe(200)
    }),
  )
})

test('an outage is counted, and its log has no secret', async () => {
  const token = await ofNewUser()
  const samples = {
    'http_requests_total{method="GET",route="/api/tasks",status="503"}': 1,
    'faults_total{code="database_unavailable"}': 1,
    'faults_total{code="internal_error"}': 0,
    'db_batch_duration_seconds_count{operation="SELECT",outcome="unavailable"}': 3,
  }
  await expectGrowth(samples, async () => {
    network('refuse')
    expect(await ask(token)).toBe(503)
    network('pass')
  })
  await expect.poll(() => world.service.output()).toContain('ECONNRESET')
  for (const secret of [password, testSecret, metricsToken, token]) {
    expect(world.service.output()).not.toContain(secret)
  }
})
