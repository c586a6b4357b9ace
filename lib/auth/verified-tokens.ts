import type { Caller } from '#db/caller'
import { setLatest } from '#lib/bounded-map'

/** About 10 MB of tokens as Better Auth makes them; the one that was verified first goes first. */
const limit = 10_000
/** How long a token may outlive the key that verified it, where the issuer withdraws that. */
const rememberedMs = 60_000

interface Entry {
  readonly caller: Caller
  readonly until: number
}

const verified = new Map<string, Entry>()

/**
 * Whom a token names that was verified within the last minute and is not expired. A user's
 * requests come in bursts, and verifying is most of what a read costs outside the database.
 */
export function findVerified(token: string): Caller | undefined {
  const entry = verified.get(token)
  if (entry === undefined) return undefined
  if (entry.until > Date.now()) return entry.caller
  verified.delete(token)
  return undefined
}

/** Remembers a token that was verified, by the whole of its text. What was refused never is. */
export function rememberVerified(token: string, caller: Caller, expiresAtSeconds: number): void {
  const until = Math.min(expiresAtSeconds * 1000, Date.now() + rememberedMs)
  setLatest(verified, token, { caller, until }, limit)
}
