import { isIP } from 'node:net'
import type { Quota } from '#db/rate-limit'
import { setLatest } from '#lib/bounded-map'
import { env } from '#lib/config/env'
import { tooManyRequests } from '#lib/http/errors'
import { toNetwork } from '#lib/http/network'
import { peerAddress } from '#lib/http/peer'

/** Addresses that are remembered at most; the one that has been quiet longest goes first. */
const rememberedAddresses = 10_000

/** For each address the instant, in milliseconds, at which its whole quota is there again. */
const fullAt = new Map<string, number>()

/**
 * Holds the client's address to a quota, in this process, before anything is verified.
 * By the generic cell rate algorithm, like the limit of users in `db/migrations/0002-rate-limits.ts`.
 *
 * @throws Problem 429
 */
export function limitAddress(request: Request, quota: Quota): void {
  const address = clientAddress(request)
  if (address === undefined) return
  const now = Date.now()
  const share = (quota.seconds * 1000) / quota.requests
  const next = Math.max(fullAt.get(address) ?? 0, now) + share
  const wait = next - now - quota.seconds * 1000
  if (wait > 0) throw tooManyRequests('address', Math.ceil(wait / 1000))
  setLatest(fullAt, address, next, rememberedAddresses)
}

/**
 * Where a request comes from: the connection's peer, or, where that is one of `TRUSTED_PROXIES`,
 * the last address in `X-Forwarded-For` that is not. Anybody can write the others. Vercel hands
 * requests on by a connection of its own and overwrites the header with the client's address.
 */
export function clientAddress(request: Request): string | undefined {
  const peer = peerAddress()
  const forwarded = request.headers.get('x-forwarded-for')?.split(',') ?? []
  const hops = [...forwarded.map((hop) => hop.trim()), ...(peer === undefined ? [] : [peer])]
  if (peer === undefined && env().VERCEL === undefined) return undefined
  const address = hops.findLast((hop) => !isTrusted(hop)) ?? hops[0]
  return address === undefined ? undefined : toNetwork(address)
}

function isTrusted(address: string): boolean {
  const plain = address.replace(/^::ffff:/, '')
  const version = isIP(plain)
  return version !== 0 && env().TRUSTED_PROXIES.check(plain, version === 6 ? 'ipv6' : 'ipv4')
}
