import { env } from '#lib/config/env'
import { standingHeaders } from '#lib/http/answer'

const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
const maxAgeSeconds = 7200
const allowedHeaders = [
  ...['authorization', 'content-type', 'if-match', 'if-none-match', 'idempotency-key'],
  ...['x-request-id', 'x-requested-with', 'traceparent', 'tracestate', 'baggage'],
  ...['sentry-trace', 'cache-control', 'pragma', 'x-csrf-token'],
]
const headerName = /^[\w!#$%&'*+.^`|~-]+$/
const exposedHeaders =
  'allow, etag, link, location, idempotency-replayed, ratelimit, ratelimit-policy, retry-after, server-timing, x-request-id, www-authenticate'

/** Whether a browser asks if it may send the request of a page (Fetch standard). */
export function isPreflight(request: Request): boolean {
  return request.method === 'OPTIONS' && request.headers.has('access-control-request-method')
}

/** Answers a preflight without a check of credentials, because browsers send none with it. */
export function answerPreflight(request: Request): Response {
  const origin = allowedOrigin(request)
  const headers = {
    ...standingHeaders,
    'x-request-id': crypto.randomUUID(),
    vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    ...(origin !== undefined && {
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': methods,
      'access-control-allow-headers': headersFor(request),
      'access-control-max-age': String(maxAgeSeconds),
    }),
  }
  return new Response(null, { status: 204, statusText: 'No Content', headers })
}

/**
 * The usual headers, and what the preflight asks for: libraries that watch a page add headers to
 * its requests, and one that is not allowed fails them all. The list protects nothing here: the
 * origin is allowed to send credentials, and no header proves anything that a program could not
 * send; see ADR 0001.
 */
function headersFor(request: Request): string {
  const asked = request.headers.get('access-control-request-headers')?.toLowerCase() ?? ''
  const names = asked.split(',').map((name) => name.trim())
  return [...new Set([...allowedHeaders, ...names.filter((name) => headerName.test(name))])].join(
    ', ',
  )
}

/**
 * Lets every page read an answer that holds nothing of any user, where the request cannot be asked
 * for its origin. Otherwise the page would see a network error.
 */
export const openToAll = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': exposedHeaders,
} as const

/** The headers that let a page of an allowed origin read the answer, also an error. */
export function corsHeaders(request: Request): Readonly<Record<string, string>> | undefined {
  const origin = allowedOrigin(request)
  if (origin === undefined) return undefined
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': exposedHeaders,
  }
}

/** The origin of the request if `CORS_ORIGINS` has it, otherwise undefined. */
export function allowedOrigin(request: Request): string | undefined {
  const origin = request.headers.get('origin')
  return origin !== null && env().CORS_ORIGINS.some((pattern) => matches(pattern, origin))
    ? origin
    : undefined
}

/** `*` matches inside one label only, because a host with two may belong to somebody else. */
function matches(pattern: string, origin: string): boolean {
  const [start = '', end] = pattern.split('*')
  if (end === undefined) return origin === pattern
  const label = origin.slice(start.length, origin.length - end.length)
  return origin.startsWith(start) && origin.endsWith(end) && /^[a-z0-9-]+$/i.test(label)
}
