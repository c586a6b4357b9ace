import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { decodeSpans } from '#tests/support/span-message'

export interface CollectedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly attributes: readonly { key: string; value: Record<string, unknown> }[]
}

interface CollectorOptions {
  readonly port?: number
  /** `false`: takes what it is sent, and never says so. */
  readonly answers?: boolean
}

/** A receiver of OTLP over HTTP, in JSON and in Protocol Buffers, on this machine. */
export async function startCollector({ port = 0, answers = true }: CollectorOptions = {}) {
  const deliveries: { headers: IncomingHttpHeaders; body: Buffer }[] = []
  const traceparents: string[] = []
  const server = createServer(async (request, response) => {
    const { headers } = request
    const body = await buffer(request)
    if (body.length > 0) deliveries.push({ headers, body })
    else traceparents.push(String(headers['traceparent']))
    if (answers) response.setHeader('content-type', 'application/json').end('{}')
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as AddressInfo
  return {
    /** What came with requests without a body. */
    traceparents,
    deliveries,
    url: `http://127.0.0.1:${address.port}`,
    /** All that has arrived, as it came. */
    received: () => deliveries.map(({ body }) => body.toString('latin1')).join('\n'),
    spans: (): CollectedSpan[] =>
      deliveries.flatMap(({ headers, body }) =>
        headers['content-type'] === 'application/json' ? parseSpans(body) : decodeSpans(body),
      ),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function parseSpans(body: Buffer): CollectedSpan[] {
  return JSON.parse(body.toString()).resourceSpans.flatMap((resource: { scopeSpans: object[] }) =>
    resource.scopeSpans.flatMap((scope) => Reflect.get(scope, 'spans')),
  )
}
