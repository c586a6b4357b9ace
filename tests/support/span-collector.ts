import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

interface CollectedSpan {
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

/** A receiver of OTLP over HTTP, in Protocol Buffers, on this machine. */
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
    spans: (): CollectedSpan[] => deliveries.flatMap(({ body }) => decodeSpans(body)),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** A message of Protocol Buffers, as far as spans need it: its fields by number, as they came. */
type Fields = Map<number, (Buffer | bigint)[]>

/**
 * The spans of an `ExportTraceServiceRequest` of OTLP in Protocol Buffers, in the form that its JSON
 * has. Field numbers: opentelemetry-proto, `trace/v1/trace.proto` and `common/v1/common.proto`.
 */
function decodeSpans(body: Buffer): CollectedSpan[] {
  return messages(body, 1)
    .flatMap((resource) => messages(resource, 2))
    .flatMap((scope) => messages(scope, 2))
    .map((span) => {
      const fields = readFields(span)
      const parent = bytes(fields, 4).toString('hex')
      return {
        traceId: bytes(fields, 1).toString('hex'),
        spanId: bytes(fields, 2).toString('hex'),
        ...(parent !== '' && { parentSpanId: parent }),
        name: bytes(fields, 5).toString(),
        kind: Number(fields.get(6)?.[0] ?? 0),
        attributes: messages(span, 9).map((attribute) => ({
          key: bytes(readFields(attribute), 1).toString(),
          value: readValue(readFields(bytes(readFields(attribute), 2))),
        })),
      }
    })
}

function readValue(fields: Fields): Record<string, unknown> {
  const integer = fields.get(3)?.[0]
  return integer === undefined
    ? { stringValue: bytes(fields, 1).toString() }
    : { intValue: Number(integer) }
}

function messages(body: Buffer, field: number): Buffer[] {
  return (readFields(body).get(field) ?? []).filter((value) => Buffer.isBuffer(value))
}

function bytes(fields: Fields, field: number): Buffer {
  const value = fields.get(field)?.[0]
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0)
}

function readFields(body: Buffer): Fields {
  const fields: Fields = new Map()
  let at = 0
  const readVarint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = body.readUInt8(at)
      at += 1
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  const readBytes = (length: number): Buffer => {
    at += length
    return body.subarray(at - length, at)
  }
  while (at < body.length) {
    const tag = Number(readVarint())
    const value = readWire(tag & 7)
    const known = fields.get(tag >> 3) ?? []
    fields.set(tag >> 3, [...known, value])
  }
  return fields

  function readWire(type: number): Buffer | bigint {
    switch (type) {
      case 0:
        return readVarint()
      case 1:
        return readBytes(8)
      case 2:
        return readBytes(Number(readVarint()))
      case 5:
        return readBytes(4)
      default:
        throw new Error(`No wire type of Protocol Buffers: ${type}`)
    }
  }
}
