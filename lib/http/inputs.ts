import type { IncomingMessage } from 'node:http'
import type * as z from 'zod'
import type { Caller } from '#db/caller'
import { env } from '#lib/config/env'
import { Problem } from '#lib/http/errors'
import {
  type BodyDescription,
  type BySettings,
  describeBody,
  type Input,
  type InputSource,
  type Inputs,
  type ValuesOf,
} from '#lib/http/operation'
import { holdBody } from '#lib/http/unfinished-bodies'
import { parse } from '#lib/http/validation'

/** A request on the Node host, which has the stream of the connection too. */
type OnNode = Request & { readonly runtime?: { readonly node?: { readonly req: IncomingMessage } } }

const bodyLimitBytes = 64 * 1024
const droppedLimitBytes = 32 * 1024 * 1024
/** So many pieces of a body are joined: each costs some 400 bytes, also where it holds one. */
const mostPieces = 64
const utf8 = new TextDecoder('utf-8', { fatal: true })
const json = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i

const problems = [
  ...(['malformed_json', 'body_too_large', 'unsupported_media_type'] as const),
  'validation_failed',
] as const

/** Reads the inputs of an operation, in the order of its declaration. */
export async function readInputs<Taken extends Inputs>(
  inputs: Taken,
  source: InputSource,
): Promise<ValuesOf<Taken>> {
  const values: Record<string, unknown> = {}
  for (const [name, input] of Object.entries(inputs)) {
    const value = input.read(source)
    values[name] = value instanceof Promise ? await value : value
  }
  return values as ValuesOf<Taken>
}

/** The input of a JSON body that is required. */
export function jsonBody<Schema extends z.ZodType>(
  name: string,
  schema: BySettings<Schema>,
  examples: BySettings<BodyDescription['examples']>,
): Input<z.output<Schema>> {
  return {
    async read({ request, caller }) {
      const text = await readText(request, caller)
      if (text === '') throw malformed('The body is empty, and a JSON object is expected.')
      return parseJson(request, text, chosen(schema))
    },
    problems,
    body: describeBody({ name, required: true }, schema, examples),
  }
}

/** The input of a JSON body that may be missing. Its value is undefined then. */
export function optionalJsonBody<Schema extends z.ZodType>(
  name: string,
  schema: BySettings<Schema>,
  examples: BySettings<BodyDescription['examples']>,
): Input<z.output<Schema> | undefined> {
  return {
    async read({ request, caller }) {
      const text = await readText(request, caller)
      return text === '' ? undefined : parseJson(request, text, chosen(schema))
    },
    problems,
    body: describeBody({ name, required: false }, schema, examples),
  }
}

/** The schema as the environment of this process has it. */
function chosen<Schema extends z.ZodType>(schema: BySettings<Schema>): Schema {
  return typeof schema === 'function' ? schema(env()) : schema
}

async function readText(request: Request, caller: Caller): Promise<string> {
  const bytes = Buffer.concat(await readChunks(request, caller))
  const coding = request.headers.get('content-encoding')?.trim().toLowerCase() ?? ''
  if (bytes.length > 0 && coding !== '' && coding !== 'identity') throw encodedBody()
  try {
    return utf8.decode(bytes)
  } catch (error) {
    throw malformed('The body is not UTF-8.', error)
  }
}

/** Reads the body. @throws Problem 413 where it is over the limit, 400 where it breaks off */
async function readChunks(request: OnNode, { userId }: Caller): Promise<Uint8Array[]> {
  const stream = request.runtime?.node?.req
  const chunks: Uint8Array[] = []
  let bytes = 0
  // The bytes are counted, because Content-Length may be missing. Beyond the limit all are dropped, and
  // the rest is read: if reading stopped, a client that still sends would see a reset and no answer.
  const isEnough = (chunk: Uint8Array) => {
    bytes += chunk.byteLength
    if (bytes > bodyLimitBytes) chunks.length = 0
    else chunks.push(chunk)
    if (chunks.length === mostPieces) chunks.splice(0, mostPieces, Buffer.concat(chunks))
    const isWhole = stream?.headers['content-length'] === String(bytes)
    if (stream !== undefined && !isWhole)
      holdBody(stream, userId, bytes > bodyLimitBytes ? 0 : bytes)
    return bytes > droppedLimitBytes
  }
  try {
    if (stream === undefined) await readWebStream(request.body, isEnough)
    else if (!isEmpty(stream)) await readNodeStream(stream, isEnough)
  } catch (cause) {
    throw new Problem('malformed_request', 'The body broke off before its end.', { cause })
  }
  if (bytes > bodyLimitBytes) throw new Problem('body_too_large', 'The body exceeds 64 KiB.')
  return chunks
}

async function readWebStream(stream: Request['body'], isEnough: (chunk: Uint8Array) => boolean) {
  for await (const chunk of stream ?? []) if (isEnough(chunk)) break
}

/** By its events: to wait for each chunk costs as much as the rest of a create. */
function readNodeStream(stream: IncomingMessage, isEnough: (chunk: Uint8Array) => boolean) {
  return new Promise<void>((resolve, reject) => {
    const close = () => (stream.readableEnded ? resolve() : reject(new Error('closed')))
    stream.on('data', (chunk) => {
      if (!isEnough(chunk)) return
      resolve()
      stream.destroy()
    })
    stream.on('end', resolve)
    stream.on('error', reject)
    stream.on('close', close)
    // The client may have gone while its token was verified.
    if (stream.destroyed) close()
  })
}

/** A request without these headers has no body (RFC 9112, 6.3). */
function isEmpty({ headers }: IncomingMessage): boolean {
  return headers['content-length'] === undefined && headers['transfer-encoding'] === undefined
}

function parseJson<Schema extends z.ZodType>(request: Request, text: string, schema: Schema) {
  const type = request.headers.get('content-type')
  if (type !== null && !json.test(type)) {
    throw new Problem('unsupported_media_type', 'Send the body as application/json.')
  }
  return parse(schema, parseText(text), 'pointer')
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw malformed('The body is not JSON.', error)
  }
}

function encodedBody(): Problem {
  const detail = 'Send the body without Content-Encoding: compressed bodies are not read.'
  return new Problem('unsupported_media_type', detail)
}

function malformed(detail: string, cause?: unknown): Problem {
  return new Problem('malformed_json', detail, { cause })
}
