import type { Permit, Quota } from '#db/rate-limit'
import { env } from '#lib/config/env'

/**
 * What a handler answers: a `Response` that nobody has made yet. `lib/http/with-request.ts` makes it, once
 * all of its headers are known, which costs less than changing those of one that is there.
 */
export interface Answer {
  /** 200 where there is none. */
  readonly status?: number
  /** By their names in lower case. They win over those of `standingHeaders`. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer>
}

/** Copies of what is larger cost more than the stream that saves them. */
const copiedBytes = 64 * 1024

/** The body of a `Response`, which copies bytes that it is given, but not those of a stream. */
export function toBody(body: Answer['body'] | null): BodyInit | null {
  if (!(body instanceof Uint8Array) || body.byteLength <= copiedBytes) return body ?? null
  return new ReadableStream({
    start(controller) {
      controller.enqueue(body)
      controller.close()
    },
  })
}

/** A page, with the content security policy that lets its own parts in. */
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

/** What every response carries, unless it says otherwise itself (the reference page does). */
export const standingHeaders = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  // Whether the CORS headers are there depends on it, so a shared cache must know.
  vary: 'Origin',
} as const

/** RFC 6797: only over HTTPS. */
export const transportSecurity = { 'strict-transport-security': 'max-age=63072000' } as const

/** The policies in force, and what is left: `RateLimit-Policy` and `RateLimit` of the IETF draft. */
export function rateLimitHeaders(
  { headers }: Answer,
  permit: Permit | undefined,
): Readonly<Record<string, string>> | undefined {
  const isRefusal = headers?.['ratelimit'] !== undefined
  if (permit === undefined && !isRefusal) return undefined
  const policies = [
    ...describe('user', env().RATE_LIMIT),
    ...describe('address', env().RATE_LIMIT_ADDRESS),
  ]
  return {
    'ratelimit-policy': policies.join(', '),
    ...(permit !== undefined &&
      !isRefusal && { ratelimit: `"user";r=${permit.remaining};t=${permit.resetSeconds}` }),
  }
}

function describe(name: string, quota: Quota | undefined): string[] {
  return quota === undefined ? [] : [`"${name}";q=${quota.requests};w=${quota.seconds}`]
}
