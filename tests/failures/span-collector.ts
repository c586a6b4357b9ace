import { createServer, type IncomingHttpHeaders } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { listen } from '#tests/support/service'

/**
 * A receiver of OTLP over HTTP, in Protocol Buffers, on this machine.
 *
 * @param answers `false`: takes what it is sent, and never says so
 */
export async function startCollector({ port = 0, answers = true } = {}) {
  const deliveries: { headers: IncomingHttpHeaders; body: Buffer }[] = []
  const traceparents: string[] = []
  const server = createServer(async (request, response) => {
    const { headers } = request
    const body = await buffer(request)
    if (body.length > 0) deliveries.push({ headers, body })
    else traceparents.push(String(headers['traceparent']))
    if (answers) response.setHeader('content-type', 'application/json').end('{}')
  })
  const url = `http://127.0.0.1:${await listen(server, port)}`
  return {
    /** What came with requests without a body. */
    traceparents,
    deliveries,
    url,
    /** All that has arrived, as it came. */
    received: () => deliveries.map(({ body }) => body.toString('latin1')).join('\n'),
    spans: () => deliveries.flatMap(({ body }) => decodeSpans(body)),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/**
 * The spans of an `ExportTraceServiceRequest` of OTLP, by the field numbers of opentelemetry-proto:
 * `trace/v1/trace.proto` and `common/v1/common.proto`.
 */
function decodeSpans(body: Buffer) {
  const scopes = messagesIn(body, 1).flatMap((resource) => messagesIn(resource, 2))
  return scopes
    .flatMap((scope) => messagesIn(scope, 2))
    .map((span) => ({
      traceId: bytesIn(span, 1).toString('hex'),
      spanId: bytesIn(span, 2).toString('hex'),
      parentSpanId: bytesIn(span, 4).toString('hex'),
      name: String(bytesIn(span, 5)),
      kind: fieldsOf(span).find(([field]) => field === 6)?.[1],
      attributes: Object.fromEntries(messagesIn(span, 9).map(decodeAttribute)),
    }))
}

function decodeAttribute(attribute: Buffer): [name: string, value: unknown] {
  const [, value] = fieldsOf(bytesIn(attribute, 2))[0] ?? []
  return [String(bytesIn(attribute, 1)), Buffer.isBuffer(value) ? String(value) : value]
}

const messagesIn = (message: Buffer, field: number) =>
  fieldsOf(message).flatMap(([name, value]) =>
    name === field && Buffer.isBuffer(value) ? [value] : [],
  )
const bytesIn = (message: Buffer, field: number) => messagesIn(message, field)[0] ?? Buffer.alloc(0)

/** The fields of a message of Protocol Buffers: each is a number, or bytes. */
function fieldsOf(message: Buffer): [field: number, value: number | Buffer][] {
  const fields: [number, number | Buffer][] = []
  let at = 0
  const readNumber = (share = 1): number => {
    const byte = message.readUInt8(at)
    at += 1
    return (byte % 128) * share + (byte < 128 ? 0 : readNumber(share * 128))
  }
  while (at < message.length) {
    const tag = readNumber()
    const [field, wireType] = [tag >> 3, tag & 7]
    if (wireType === 0) {
      fields.push([field, readNumber()])
      continue
    }
    // Bytes with their length, or numbers of eight or four.
    const length = wireType === 2 ? readNumber() : wireType === 1 ? 8 : 4
    fields.push([field, message.subarray(at, at + length)])
    at += length
  }
  return fields
}
