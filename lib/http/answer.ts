import type { Permit, Quota } from '#db/rate-limit'
import { env } from '#lib/config/env'

/**
 * What a handler answers, before it is a `Response`. `lib/http/with-request.ts` makes the
 * `Response` once all headers are known, which costs less than changing the headers of an existing
 * one.
 */
export interface Answer {
  /** 200 if it is missing. */
  readonly status?: number
  /** By names in lower case. They take precedence over `standingHeaders`. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer>
}

/** Copying a larger body costs more than a stream, which is not copied. */
const copiedBytes = 64 * 1024

/** The body for a `Response`. A `Response` copies bytes, so a large body is passed as a stream. */
export function toBody(body: Answer['body'] | null): BodyInit | null {
  if (!(body instanceof Uint8Array) || body.byteLength <= copiedBytes) return body ?? null
  return new ReadableStream({
    start(controller) {
      controller.enqueue(body)
      controller.close()
    },
  })
}

/** A page of HTML, with the content security policy that allows its scripts and styles. */
export function html(body: string, policy: string): Answer {
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy,
    'cache-control': 'no-cache',
  }
  return { headers, body }
}

/** An answer of JSON. */
export function json(value: unknown, { status = 200, headers }: Omit<Answer, 'body'> = {}): Answer {
  const type = { 'content-type': 'application/json' }
  return { status, headers: { ...type, ...headers }, body: JSON.stringify(value) }
}

/** The headers of every response. An answer may replace them, as the reference page does. */
export const standingHeaders = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  // The CORS headers depend on the origin, so a shared cache must keep answers apart by it.
  vary: 'Origin',
} as const

/** RFC 6797 allows this header only over HTTPS. */
export const transportSecurity = { 'strict-transport-security': 'max-age=63072000' } as const

let policy: string | undefined

/** `RateLimit-Policy` and `RateLimit` of the IETF draft: the quota, and what is left of it. */
export function rateLimitHeaders(
  { headers }: Answer,
  permit: Permit | undefined,
): Readonly<Record<string, string>> | undefined {
  const isRefusal = headers?.['ratelimit'] !== undefined
  if (permit === undefined && !isRefusal) return undefined
  policy ??= [
    ...describe('user', env().RATE_LIMIT),
    ...describe('address', env().RATE_LIMIT_ADDRESS),
  ].join(', ')
  return {
    'ratelimit-policy': policy,
    ...(permit !== undefined &&
      !isRefusal && { ratelimit: `"user";r=${permit.remaining};t=${permit.resetSeconds}` }),
  }
}

function describe(name: string, quota: Quota | undefined): string[] {
  return quota === undefined ? [] : [`"${name}";q=${quota.requests};w=${quota.seconds}`]
}
