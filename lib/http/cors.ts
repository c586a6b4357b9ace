import { env } from '#lib/config/env'
import { standingHeaders } from '#lib/http/answer'

const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
const maxAgeSeconds = 7200
const allowedHeaders =
  'authorization, content-type, if-match, if-none-match, idempotency-key, x-request-id, x-requested-with, traceparent'
const exposedHeaders =
  'etag, link, location, idempotency-replayed, ratelimit, ratelimit-policy, retry-after, server-timing, x-request-id, www-authenticate'

/** A preflight is the browser's own question (Fetch standard), not a request of the page. */
export function isPreflight(request: Request): boolean {
  return request.method === 'OPTIONS' && request.headers.has('access-control-request-method')
}

/** Answers a preflight, before anybody asks for credentials: browsers send none with it. */
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
      'access-control-allow-headers': allowedHeaders,
      'access-control-max-age': String(maxAgeSeconds),
    }),
  }
  return new Response(null, { status: 204, statusText: 'No Content', headers })
}

/** What lets the page that asked read the answer, errors included, where its origin is allowed. */
export function corsHeaders(request: Request): Readonly<Record<string, string>> | undefined {
  const origin = allowedOrigin(request)
  if (origin === undefined) return undefined
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': exposedHeaders,
  }
}

/** The request's origin, where `CORS_ORIGINS` has it. */
export function allowedOrigin(request: Request): string | undefined {
  const origin = request.headers.get('origin')
  return origin !== null && env().CORS_ORIGINS.some((pattern) => matches(pattern, origin))
    ? origin
    : undefined
}

/** `https://*.example.com` stands for one label: what has two may belong to somebody else. */
function matches(pattern: string, origin: string): boolean {
  const [start = '', end] = pattern.split('*')
  if (end === undefined) return origin === pattern
  const label = origin.slice(start.length, origin.length - end.length)
  return origin.startsWith(start) && origin.endsWith(end) && /^[a-z0-9-]+$/i.test(label)
}
