import { isIP } from 'node:net'
import type { Quota } from '#db/rate-limit'
import { setLatest } from '#db/remembered'
import { env, isBuiltOnVercel } from '#lib/config/env'
import { tooManyRequests } from '#lib/http/errors'
import { toNetwork } from '#lib/http/network'
import { peerAddress } from '#lib/http/peer'

/** The most addresses that are remembered. Beyond it the one that was let through longest ago goes. */
const rememberedAddresses = 10_000
/**
 * No address is longer, but a header may be, where a client's own address is one of `TRUSTED_PROXIES`:
 * remembered as a whole, what it makes up could fill 140 MB.
 */
const rememberedLength = 45

/** For each address, the time in milliseconds at which its whole quota will be available again. */
const fullAt = new Map<string, number>()

/**
 * Limits the requests of the client's address in this process, before anything is verified. It uses
 * the generic cell rate algorithm, like the limit of users in `db/migrations/0002-rate-limits.ts`.
 *
 * @throws Problem 429
 */
export function limitAddress(request: Request, quota: Quota): void {
  const address = clientAddress(request)?.slice(0, rememberedLength)
  if (address === undefined) return
  const now = Date.now()
  const window = quota.seconds * 1000
  const known = fullAt.get(address) ?? 0
  // No quota is away for longer than that: the clock was set back.
  const full = known > now + window ? now : Math.max(known, now)
  const next = full + window / quota.requests
  const wait = next - now - window
  if (wait > 0) throw tooManyRequests('address', Math.ceil(wait / 1000))
  setLatest(fullAt, address, next, rememberedAddresses)
}

/**
 * The address that a request comes from. That is the peer of the connection or, if the peer is one
 * of `TRUSTED_PROXIES`, the last address in `X-Forwarded-For` that is not. A client can write any
 * address before that one.
 *
 * On Vercel the peer is a part of the platform, which writes the client's address into a header of
 * its own: https://vercel.com/docs/headers/request-headers. A client cannot write that one.
 */
export function clientAddress(request: Request): string | undefined {
  const hops = isBuiltOnVercel ? listed(request, 'x-vercel-forwarded-for') : hopsTo(request)
  const address = hops.findLast((hop) => !isTrusted(hop)) ?? hops[0]
  return address === undefined ? undefined : toNetwork(address)
}

function hopsTo(request: Request): string[] {
  const peer = peerAddress()
  return peer === undefined ? [] : [...listed(request, 'x-forwarded-for'), peer]
}

function listed(request: Request, header: string): string[] {
  return (request.headers.get(header)?.split(',') ?? []).map((hop) => withoutPort(hop.trim()))
}

/** Some proxies write the port too, which is another one for each connection of a client. */
function withoutPort(hop: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d+)?$/.exec(hop) ?? []
  return bracketed ?? plain ?? hop
}

function isTrusted(address: string): boolean {
  const plain = address.replace(/^::ffff:/, '')
  const version = isIP(plain)
  return version !== 0 && env().TRUSTED_PROXIES.check(plain, version === 6 ? 'ipv6' : 'ipv4')
}
