import type { Caller } from '#db/caller'
import type { Session } from '#db/sessions'
import { invalidToken, refusal } from '#lib/auth/refusal'
import { isAuthentic, type SignedToken } from '#lib/auth/session-token'
import { setLatest } from '#lib/bounded-map'
import { findSession } from '#lib/service/database'

const cacheLimit = 10_000
/** A sign-out is noticed so late at most. A page sends its requests within this time. */
const rememberedMs = 10_000

interface Entry {
  readonly session: Promise<Session | undefined>
  readonly until: number
}

/** Sessions that were found, by token, the longest known first. */
const cache = new Map<string, Entry>()

/**
 * Returns whose session it is. The signature is checked first, so that the database is asked for
 * nothing but what the issuer once gave out.
 *
 * @throws Problem 401 where it is forged, over or expired
 * @throws DatabaseError where the database cannot be asked
 */
export async function findSessionUser(signedToken: SignedToken): Promise<Caller> {
  if (!isAuthentic(signedToken)) throw invalidToken('the session token is not ours')
  const session = await findCached(signedToken.token)
  if (session === undefined) throw invalidToken('its session is over')
  // Not `<=`: a date that could not be read is no reason to let somebody in.
  if (!(session.expiresAt > Date.now())) throw refusal('token_expired', 'The session is expired')
  return { userId: session.userId }
}

/** Requests at the same time share one look-up. What was not found is asked for again. */
function findCached(token: string): Promise<Session | undefined> {
  const known = cache.get(token)
  if (known !== undefined && known.until > Date.now()) return known.session
  const session = findSession(token)
  const entry = { session, until: Date.now() + rememberedMs }
  const forget = () => {
    if (cache.get(token) === entry) cache.delete(token)
  }
  session.then((found) => found === undefined && forget(), forget)
  setLatest(cache, token, entry, cacheLimit)
  return session
}
