import type { Permit, Quota } from '#db/rate-limit'
import { env } from '#lib/env'

/** The policies in force, and what is left: `RateLimit-Policy` and `RateLimit` of the IETF draft. */
export function addRateLimitHeaders(response: Response, permit: Permit | undefined): void {
  const isRefusal = response.headers.has('ratelimit')
  if (permit === undefined && !isRefusal) return
  const policies = [
    ...describe('user', env().RATE_LIMIT),
    ...describe('address', env().RATE_LIMIT_ADDRESS),
  ]
  response.headers.set('ratelimit-policy', policies.join(', '))
  if (permit === undefined || isRefusal) return
  response.headers.set('ratelimit', `"user";r=${permit.remaining};t=${permit.resetSeconds}`)
}

function describe(name: string, quota: Quota | undefined): string[] {
  return quota === undefined ? [] : [`"${name}";q=${quota.requests};w=${quota.seconds}`]
}
