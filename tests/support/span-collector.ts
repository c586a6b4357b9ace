import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface CollectedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly attributes: readonly { key: string; value: Record<string, unknown> }[]
}

/** A receiver of OTLP over HTTP, in JSON, on this machine. */
export async function startCollector() {
  const bodies: string[] = []
  const traceparents: string[] = []
  const server = createServer(async (request, response) => {
    const body = await text(request)
    if (body !== '') bodies.push(body)
    else traceparents.push(String(request.headers['traceparent']))
    response.setHeader('content-type', 'application/json').end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    /** What came with requests without a body. */
    traceparents,
    url: `http://127.0.0.1:${port}`,
    /** All that has arrived, as it came. */
    received: () => bodies.join('\n'),
    spans: (): CollectedSpan[] =>
      bodies.flatMap((body) =>
        JSON.parse(body).resourceSpans.flatMap((resource: { scopeSpans: object[] }) =>
          resource.scopeSpans.flatMap((scope) => Reflect.get(scope, 'spans')),
        ),
      ),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}
