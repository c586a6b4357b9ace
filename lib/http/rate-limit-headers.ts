import type { Permit, Quota } from '#db/rate-limit'
import { env } from '#lib/config/env'
import type { Answer } from '#lib/http/answer'

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
