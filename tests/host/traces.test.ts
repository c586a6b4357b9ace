import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { buildNext } from '#tests/support/build'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { freePort, startService } from '#tests/support/service'
import { startCollector } from '#tests/support/span-collector'
import { newUser, tokenFor } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
const plain = { DATABASE_URL: server.url(await createDatabase(server)), LOG_LEVEL: 'info' }
const traceId = '0af7651916cd43dd8448eb211c80319c'
const unsampledId = '1bf7651916cd43dd8448eb211c80319c'
const parentId = 'b7ad6b7169203331'
const user = newUser()
const authorization = `Bearer ${await tokenFor(user)}`

beforeAll(() => buildNext())

async function list(url: string, headers: Record<string, string> = {}): Promise<Response> {
  const response = await fetch(`${url}/api/tasks`, { headers: { authorization, ...headers } })
  expect(response.status).toBe(200)
  return response
}

/** Waits for what comes by itself. */
async function until(isThere: () => boolean): Promise<void> {
  for (let waited = 0; waited < 10_000 && !isThere(); waited += 50) await sleep(50)
}

describe.each([
  { host: 'next', protocol: undefined, type: 'application/x-protobuf' },
  { host: 'node', protocol: 'http/json', type: 'application/json' },
] as const)('on the $host host', ({ host, protocol, type }) => {
  test('a request is one span, continues the trace it came with, and has its statement below it', async () => {
    await using collector = await startCollector()
    await using service = await startService(host, {
      ...plain,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      ...(protocol !== undefined && { OTEL_EXPORTER_OTLP_PROTOCOL: protocol }),
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=of-the-tests',
      OTEL_SERVICE_NAME: 'renamed-by-its-setting',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=of-the-tests',
      OTEL_BSP_SCHEDULE_DELAY: '200',
      SERVER_TIMING: 'true',
    })
    await list(service.url, { traceparent: `00-${unsampledId}-${parentId}-00` })
    const response = await fetch(`${service.url}/api/${user}/tasks`, {
      method: 'POST',
      headers: {
        authorization,
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
    await until(() => ours().length >= 2)

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
    expect(collector.spans().map((span) => span.traceId)).not.toContain(unsampledId)
    for (const { headers } of collector.deliveries) {
      expect(headers).toMatchObject({ 'content-type': type, 'x-tenant': 'of-the-tests' })
    }
    expect(collector.received()).toContain('renamed-by-its-setting')
    expect(collector.received()).toContain('deployment.environment.name')
    for (const secret of ['private words', user, id]) {
      expect(collector.received()).not.toContain(secret)
    }
    expect(service.output()).toMatch(
      new RegExp(`"event":"request".*"trace_id":"${traceId}","span_id":"${request?.spanId}"`),
    )
  })

  test('a receiver that is away costs no request, is in the log, and gets spans once it is back', async () => {
    const port = await freePort()
    const other = host === 'next' ? 'http/json' : 'http/protobuf'
    await using service = await startService(host, {
      ...plain,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${port}/own/path`,
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: other,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=key-of-the-receiver',
      OTEL_EXPORTER_OTLP_TIMEOUT: '300',
      // On Vercel spans are sent behind each answer, since nothing runs between requests.
      ...(host === 'next'
        ? { VERCEL: '1', OTEL_BSP_SCHEDULE_DELAY: '60000' }
        : { OTEL_BSP_SCHEDULE_DELAY: '100' }),
    })
    await list(service.url)
    await until(() => service.output().includes('spans_not_exported'))
    expect(service.output()).toMatch(/"level":"warn".*"event":"spans_not_exported","err":\{/)
    expect(service.output()).not.toMatch(/key-of-the-receiver|unhandled/i)

    await using collector = await startCollector({ port })
    await list(service.url, { traceparent: `00-${traceId}-${parentId}-01` })
    const ours = () => collector.spans().filter((span) => span.traceId === traceId)
    await until(() => ours().length >= 2)
    expect(ours().map(({ name }) => name)).toContain('GET /api/tasks')
    const expected = other === 'http/json' ? 'application/json' : 'application/x-protobuf'
    expect(collector.deliveries[0]?.headers).toMatchObject({ 'content-type': expected })
  })

  test('without its settings there is no trace, no Server-Timing and no /metrics', async () => {
    await using service = await startService(host, plain)
    const response = await list(service.url)
    expect(response.headers.has('server-timing')).toBe(false)
    expect(service.output()).not.toContain('trace_id')
    expect((await fetch(`${service.url}/metrics`)).status).toBe(404)
  })
})

test.each(['node', 'next'] as const)(
  'on the %s host, SIGTERM sends the spans that are left, of the requests that were sampled',
  async (host) => {
    await using collector = await startCollector()
    await using service = await startService(host, {
      ...plain,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0',
      OTEL_BSP_SCHEDULE_DELAY: '60000',
    })
    await list(service.url)
    await list(service.url, { traceparent: `00-${unsampledId}-${parentId}-00` })
    await list(service.url, { traceparent: `00-${traceId}-${parentId}-01` })
    expect(collector.spans()).toEqual([])
    expect(await service.stop('SIGTERM')).toBe(0)
    // A line of the log can be found by its trace all the same.
    expect(service.output()).toContain(unsampledId)
    const spans = collector.spans().map((span) => `${span.traceId} ${span.name}`)
    expect(spans.sort()).toEqual([`${traceId} GET /api/tasks`, `${traceId} SELECT`])
  },
)

test.each(['300', '10000'])(
  'a receiver that never answers, given %s ms, keeps neither a request nor the end waiting',
  async (timeoutMs) => {
    await using collector = await startCollector({ answers: false })
    await using service = await startService('node', {
      ...plain,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_TIMEOUT: timeoutMs,
      OTEL_BSP_SCHEDULE_DELAY: '60000',
    })
    await list(service.url)
    const startedAt = performance.now()
    expect(await service.stop('SIGTERM'), service.output()).toBe(0)
    expect(service.output()).toContain(timeoutMs === '300' ? 'spans_not_exported' : '')
    // The last spans alone would wait for 10 s.
    expect(performance.now() - startedAt).toBeLessThan(9000)
  },
)

test('the issuer is asked for its keys within the trace of the request that needs them', async () => {
  await using collector = await startCollector()
  await using service = await startService('node', {
    ...plain,
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
