import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { buildNext } from '#tests/support/build'
import { createDatabase, startPostgres } from '#tests/support/postgres'
import { startService } from '#tests/support/service'
import { startCollector } from '#tests/support/span-collector'
import { newUser, tokenFor } from '#tests/support/tokens'

const pglite = { DATABASE_URL: 'pglite://', LOG_LEVEL: 'info' }
const traceId = '0af7651916cd43dd8448eb211c80319c'
const parentId = 'b7ad6b7169203331'

beforeAll(() => buildNext())

describe.each(['next', 'node'] as const)('on the %s host', (host) => {
  test('a request is one span, continues the trace it came with, and has its statement below it', async () => {
    await using collector = await startCollector()
    await using service = await startService(host, {
      ...pglite,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '200',
      SERVER_TIMING: 'true',
    })
    const user = newUser()
    const response = await fetch(`${service.url}/api/${user}/tasks`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await tokenFor(user)}`,
        'content-type': 'application/json',
        traceparent: `00-${traceId}-${parentId}-01`,
      },
      body: '{"title":"private words"}',
    })
    expect(response.status).toBe(201)
    expect(response.headers.get('server-timing')).toMatch(
      /^auth;dur=\d+\.\d\d, db;dur=\d+\.\d\d, total;dur=\d+\.\d\d$/,
    )
    const { id } = JSON.parse(await response.text())
    const ours = () => collector.spans().filter((span) => span.traceId === traceId)
    for (let waited = 0; waited < 10_000 && ours().length < 2; waited += 100) await sleep(100)

    const [request, batch, ...more] = ours().sort((one, other) => one.kind - other.kind)
    expect(more).toEqual([])
    expect(request).toMatchObject({
      name: 'POST /api/{userId}/tasks',
      kind: 2,
      parentSpanId: parentId,
    })
    expect(batch).toMatchObject({ name: 'INSERT', kind: 3, parentSpanId: request?.spanId })
    expect(request?.attributes).toContainEqual({
      key: 'http.response.status_code',
      value: { intValue: 201 },
    })
    expect(batch?.attributes).toContainEqual({
      key: 'db.system.name',
      value: { stringValue: 'postgresql' },
    })
    for (const secret of ['private words', user, id]) {
      expect(collector.received()).not.toContain(secret)
    }
    expect(service.output()).toMatch(
      new RegExp(`"event":"request".*"trace_id":"${traceId}","span_id":"${request?.spanId}"`),
    )
  })

  test('without its settings there is no trace, no Server-Timing and no /metrics', async () => {
    await using service = await startService(host, pglite)
    const response = await fetch(`${service.url}/api/tasks`, {
      headers: { authorization: `Bearer ${await tokenFor(newUser())}` },
    })
    expect(response.headers.has('server-timing')).toBe(false)
    expect(service.output()).not.toContain('trace_id')
    expect((await fetch(`${service.url}/metrics`)).status).toBe(404)
  })
})

test('the issuer is asked for its keys within the trace of the request that needs them', async () => {
  await using collector = await startCollector()
  await using service = await startService('node', {
    ...pglite,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    BETTER_AUTH_URL: collector.url,
  })
  const header = Buffer.from('{"alg":"EdDSA","kid":"one"}').toString('base64url')
  const response = await fetch(`${service.url}/api/tasks`, {
    headers: {
      authorization: `Bearer ${header}.e30.AAAA`,
      traceparent: `00-${traceId}-${parentId}-01`,
    },
  })
  expect(response.status).toBe(503)
  expect(collector.traceparents).toEqual([expect.stringMatching(`^00-${traceId}-[0-9a-f]{16}-01$`)])
  expect(collector.traceparents[0]).not.toContain(parentId)
})

test('/metrics of one worker tells of all', async () => {
  const METRICS_TOKEN = 'a token for the tests'
  const postgres = await startPostgres()
  try {
    await using service = await startService('node', {
      DATABASE_URL: postgres.url(await createDatabase(postgres)),
      WORKERS: '2',
      METRICS_TOKEN,
    })
    const headers = { authorization: `Bearer ${await tokenFor(newUser())}`, connection: 'close' }
    const send = () => fetch(`${service.url}/api/tasks`, { headers })
    for (let sent = 0; sent < 20; sent += 1) expect((await send()).status).toBe(200)
    const right = { authorization: `Bearer ${METRICS_TOKEN}` }
    const text = await (await fetch(`${service.url}/metrics`, { headers: right })).text()
    expect(text).toContain('http_requests_total{method="GET",route="/api/tasks",status="200"} 20\n')
    expect(text).toMatch(/^db_pool_connections\{state="idle"\} [1-9]/m)
    expect(text).toMatch(/^db_pool_waiting 0$/m)
  } finally {
    await postgres.remove()
  }
})

test('/metrics counts each request by pattern and status, for whoever has the token', async () => {
  const METRICS_TOKEN = 'a token for the tests'
  await using service = await startService('node', { ...pglite, METRICS_TOKEN, RATE_LIMIT: '3/60' })
  const headers = { authorization: `Bearer ${await tokenFor(newUser())}` }
  const statuses = []
  for (let sent = 0; sent < 5; sent += 1) {
    const path = sent % 2 === 0 ? '/api/t%61sks' : '/api/tasks/'
    statuses.push((await fetch(service.url + path, { headers })).status)
  }
  expect(statuses).toEqual([200, 200, 200, 429, 429])
  await fetch(`${service.url}/api/tasks`, { headers: { authorization: 'Bearer forged' } })
  expect((await fetch(`${service.url}/metrics`)).status).toBe(401)
  const wrong = { authorization: `Bearer ${METRICS_TOKEN}x` }
  expect((await fetch(`${service.url}/metrics`, { headers: wrong })).status).toBe(401)

  const right = { authorization: `Bearer ${METRICS_TOKEN}` }
  const text = await (await fetch(`${service.url}/metrics`, { headers: right })).text()
  const values = new Map(
    text.split('\n').flatMap((line) => {
      const [, name, value] = /^(\w+(?:\{.*\})?) (\S+)$/.exec(line) ?? []
      return name === undefined ? [] : [[name, Number(value)] as const]
    }),
  )
  const list = 'method="GET",route="/api/tasks"'
  expect(values.get(`http_requests_total{${list},status="200"}`)).toBe(3)
  expect(values.get(`http_requests_total{${list},status="429"}`)).toBe(2)
  expect(values.get(`http_requests_total{${list},status="401"}`)).toBe(1)
  expect(values.get(`http_request_duration_seconds_count{${list},status="200"}`)).toBe(3)
  expect(values.get('credentials_refused_total{reason="token_invalid"}')).toBe(1)
  expect(values.get('rate_limited_total{policy="user"}')).toBe(2)
  expect(values.get('db_batch_duration_seconds_count{operation="SELECT",outcome="ok"}')).toBe(3)
  expect(values.get('nodejs_eventloop_lag_seconds')).toBeGreaterThanOrEqual(0)
  expect(text).not.toContain('route="/metrics"')
})
