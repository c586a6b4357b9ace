import type { Readable } from 'node:stream'
import type * as z from 'zod'
import { Problem } from '#lib/http/errors'
import { parse } from '#lib/http/validation'

/** What the Node host adds to a request: the connection's own stream. */
type OnNode = Request & { readonly runtime?: { readonly node?: { readonly req: Readable } } }

/** More than any frontend sends, and few enough to be read in a fraction of a millisecond. */
const parameterLimit = 1000
const bodyLimitBytes = 64 * 1024
const droppedLimitBytes = 32 * 1024 * 1024
const utf8 = new TextDecoder('utf-8', { fatal: true })
const json = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i

/**
 * Reads and validates a JSON body.
 *
 * @throws Problem 400, 413, 415 or 422
 */
export async function readJson<Schema extends z.ZodType>(
  request: Request,
  schema: Schema,
): Promise<z.output<Schema>> {
  const text = await readText(request)
  if (text === '') throw malformed('The body is empty, and a JSON object is expected.')
  return parseJson(request, text, schema)
}

/** Like `readJson`, where no body at all is a choice: it returns undefined then. */
export async function readOptionalJson<Schema extends z.ZodType>(
  request: Request,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  const text = await readText(request)
  return text === '' ? undefined : parseJson(request, text, schema)
}

/**
 * Reads and validates the query. A parameter that the schema does not know is ignored.
 *
 * @throws Problem 422 where a known parameter is not valid, or where there are too many of them
 */
export function readQuery<Schema extends z.ZodType>(
  request: Request,
  schema: Schema,
): z.output<Schema> {
  const { search, searchParams } = new URL(request.url)
  if (search.split('&', parameterLimit + 1).length > parameterLimit) throw tooManyParameters()
  const values = new Map<string, string | string[]>()
  for (const [name, value] of searchParams) {
    const earlier = values.get(name)
    // A parameter with two values becomes a list, which no schema takes.
    if (earlier === undefined) values.set(name, value)
    else if (earlier !== value) values.set(name, [value])
  }
  return parse(schema, Object.fromEntries(values), 'parameter')
}

function tooManyParameters(): Problem {
  const detail = `The query has more than ${parameterLimit} parameters.`
  return new Problem('validation_failed', detail, {
    errors: [{ parameter: '', code: 'too_many', detail }],
  })
}

export function pathNotFound(): Problem {
  return new Problem('path_not_found', 'There is nothing at this path.')
}

async function readText(request: Request): Promise<string> {
  const bytes = Buffer.concat(await readChunks(request))
  if (bytes.length > bodyLimitBytes) throw new Problem('body_too_large', 'The body exceeds 64 KiB.')
  try {
    return utf8.decode(bytes)
  } catch (error) {
    throw malformed('The body is not UTF-8.', error)
  }
}

/** The body, or a little more of it than is allowed. */
async function readChunks(request: Request): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of bodyOf(request) ?? []) {
      // Counted as it is read, because Content-Length may be missing. What exceeds the limit is
      // dropped, not left: a client that is still sending would see a reset instead of the answer.
      if (bytes <= bodyLimitBytes) chunks.push(chunk)
      bytes += chunk.byteLength
      if (bytes > droppedLimitBytes) break
    }
  } catch (cause) {
    throw new Problem('malformed_request', 'The body broke off before its end.', { cause })
  }
  return chunks
}

/** A body made a web stream costs as much as the rest of a create, so it is left a Node stream. */
function bodyOf(request: OnNode): AsyncIterable<Uint8Array> | null {
  return request.runtime?.node?.req.iterator() ?? request.body
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

function malformed(detail: string, cause?: unknown): Problem {
  return new Problem('malformed_json', detail, { cause })
}
