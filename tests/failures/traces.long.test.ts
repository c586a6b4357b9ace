import { expect, test } from 'vitest'
import { startCollector } from '#tests/failures/span-collector'
import { host } from '#tests/failures/world'
import { send } from '#tests/support/send'
import { serve } from '#tests/support/serve'
import { freePort } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const unsampledId = '1bf7651916cd43dd8448eb211c80319c'
const keyTraceId = '2cf7651916cd43dd8448eb211c80319c'
const parentId = 'b7ad6b7169203331'
const sampled = { traceparent: `00-${traceId}-${parentId}-01` }
const unsampled = { traceparent: `00-${unsampledId}-${parentId}-00` }
const user = newUser()

type Collector = Awaited<ReturnType<typeof startCollector>>

const start = (endpoint: string, env: Record<string, string> = {}) =>
  serve(host, { LOG_LEVEL: 'info', OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...env })

async function list(url: string, headers: Record<string, string> = {}): Promise<void> {
  const { status } = await send(url, 'GET', '/api/tasks', user, undefined, headers)
  expect(status).toBe(200)
}

/** The spans of the sampled trace, the request's first, once both are there. */
async function spansOf(collector: Collector) {
  const ours = () => collector.spans().filter((span) => span.traceId === traceId)
  // They are sent every 5 s, and on Vercel behind each answer.
  await expect.poll(() => ours().length).toBeGreaterThanOrEqual(2)
  return ours().sort((one, other) => Number(one.kind) - Number(other.kind))
}

test('a request is one span, continues the trace it came with, and has its statement below it', async () => {
  await using collector = await startCollector()
  await using service = await start(collector.url, {
    OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=of-the-tests',
    OTEL_SERVICE_NAME: 'renamed-by-its-setting',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=of-the-tests',
    BETTER_AUTH_URL: collector.url,
  })
  await list(service.url, unsampled)
  const body = { title: 'private words' }
  const created = await send(service.url, 'POST', `/api/${user}/tasks`, user, body, sampled)
  expect(created.status).toBe(201)
  const [request, ...batches] = await spansOf(collector)
  expect(request).toMatchObject({
    name: 'POST /api/{userId}/tasks',
    kind: 2,
    parentSpanId: parentId,
    attributes: { 'http.response.status_code': 201 },
  })
  const attributes = { 'db.system.name': 'postgresql' }
  const batch = { name: 'INSERT', kind: 3, parentSpanId: request?.spanId, attributes }
  expect(batches).toMatchObject([batch])
  expect(collector.spans().map((span) => span.traceId)).not.toContain(unsampledId)
  // The first request of all was one for health.
  expect(collector.spans()[0]).toMatchObject({ name: 'GET /health' })
  const headers = { 'content-type': 'application/x-protobuf', 'x-tenant': 'of-the-tests' }
  for (const delivery of collector.deliveries) expect(delivery).toMatchObject({ headers })
  for (const said of ['renamed-by-its-setting', 'deployment.environment.name']) {
    expect(collector.received()).toContain(said)
  }
  for (const secret of ['private words', user, String(created.json()['id'])]) {
    expect(collector.received()).not.toContain(secret)
  }
  const line = `"event":"request".*"trace_id":"${traceId}","span_id":"${request?.spanId}"`
  await expect.poll(() => service.output()).toMatch(new RegExp(line))

  // The issuer is asked for its keys within the trace of the request that needs them.
  const header = Buffer.from('{"alg":"EdDSA","kid":"one"}').toString('base64url')
  await send(service.url, 'GET', '/api/tasks', undefined, undefined, {
    authorization: `Bearer ${header}.e30.AAAA`,
    traceparent: `00-${keyTraceId}-${parentId}-01`,
  })
  const asked = new RegExp(`^00-${keyTraceId}-(?!${parentId})[0-9a-f]{16}-01$`)
  expect(collector.traceparents).toEqual([expect.stringMatching(asked)])
})

test('a receiver that is away costs no request, is in the log, and gets spans once it is back', async () => {
  const port = await freePort()
  await using service = await start('http://127.0.0.1:9', {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${port}/own/path`,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=key-of-the-receiver',
    OTEL_EXPORTER_OTLP_TIMEOUT: '300',
  })
  await list(service.url)
  const warning = /"level":"warn".*"event":"spans_not_exported","err":\{/
  await expect.poll(() => service.output()).toMatch(warning)
  expect(service.output()).not.toMatch(/key-of-the-receiver|unhandled/i)

  await using collector = await startCollector({ port })
  await list(service.url, sampled)
  expect((await spansOf(collector)).map(({ name }) => name)).toContain('GET /api/tasks')
})

// Vercel gives a function half a second, so spans are sent behind each answer there. `next start`
// tells nobody that it ends.
const ended = test.skipIf(host !== 'node')

ended('SIGTERM sends the spans that are left, of the requests that were sampled', async () => {
  await using collector = await startCollector()
  await using service = await start(collector.url, { OTEL_TRACES_SAMPLER_ARG: '0' })
  for (const headers of [{}, unsampled, sampled]) await list(service.url, headers)
  expect(collector.spans()).toEqual([])
  expect(await service.stop('SIGTERM')).toBe(0)
  // A line of the log can be found by its trace all the same.
  expect(service.output()).toContain(unsampledId)
  const spans = collector.spans().map((span) => `${span.traceId} ${span.name}`)
  expect(spans.sort()).toEqual([`${traceId} GET /api/tasks`, `${traceId} SELECT`])
})

ended.each(['300', '10000'])(
  'a receiver that never answers, given %s ms, keeps neither a request nor the end waiting',
  async (timeoutMs) => {
    await using collector = await startCollector({ answers: false })
    await using service = await start(collector.url, { OTEL_EXPORTER_OTLP_TIMEOUT: timeoutMs })
    await list(service.url)
    const startedAt = performance.now()
    expect(await service.stop('SIGTERM'), service.output()).toBe(0)
    const isGivenUp = service.output().includes('spans_not_exported')
    expect(isGivenUp, 'the end waits for 3 s at most').toBe(timeoutMs === '300')
    // The last spans alone would wait for 10 s.
    expect(performance.now() - startedAt).toBeLessThan(9000)
  },
)
