import type { Caller } from '#db/caller'
import { setLatest, since } from '#db/remembered'
import type { Session } from '#db/sessions'
import { invalidToken } from '#lib/auth/refusal'
import { isAuthentic, readSignedToken, type SignedToken } from '#lib/auth/session-token'
import { Problem, toProblem } from '#lib/http/errors'
import { findSession } from '#lib/service/database'

const cacheLimit = 10_000
/** A sign-out is noticed so late at most. A page sends its requests within this time. */
const rememberedMs = 10_000

/**
 * Session cookies that are judged. A browser has two where the cookie's domain has changed; with
 * more, one request could cause many look-ups.
 */
const mostCookies = 4

interface Entry {
  readonly session: Promise<Session | undefined>
  readonly at: number
}

/** Sessions that were found, by token, oldest first. */
const cache = new Map<string, Entry>()

/** The line of look-ups for tokens that anybody can make up, so that they crowd out nobody else. */
const unsignedLine = 'unsigned-session-tokens'

/**
 * Returns the user of a session. It checks the signature before it asks the database, so nobody can
 * search the database with made-up tokens.
 *
 * @throws Problem 401 if the token is forged, or the session is over or expired
 * @throws DatabaseError if the database cannot be asked
 */
export async function findSessionUser(signedToken: SignedToken): Promise<Caller> {
  if (!isAuthentic(signedToken)) throw invalidToken('the session token is not ours')
  const { token } = signedToken
  return toCaller(await findCached(token, token))
}

/**
 * The same for a token without its signature, which the caller admits. Whatever is made up is
 * looked up, so these look-ups take turns with the users as one of them.
 */
export async function findUnsignedSessionUser(token: string): Promise<Caller> {
  return toCaller(await findCached(token, unsignedLine))
}

/**
 * Returns the user of the session cookies. Of several the good one counts. Those of two users are
 * refused: a page of a neighbouring domain may have planted one of them. See ADR 0071.
 *
 * @param values at least one
 * @throws Problem 401 if none of them is good, or those of two users are
 * @throws DatabaseError if a session cannot be looked up
 */
export async function findCookieUser(values: readonly string[]): Promise<Caller> {
  if (values.length > mostCookies) throw invalidToken('there are too many session cookies')
  const callers = new Map<string, Caller>()
  let refusal: Problem | undefined
  for (const value of values) {
    try {
      const caller = await findUserOf(value)
      callers.set(caller.userId, caller)
    } catch (error) {
      const problem = toProblem(error)
      if (problem.status !== 401) throw error
      refusal ??= problem
    }
  }
  const [caller, ...others] = callers.values()
  if (others.length > 0) throw invalidToken('there are session cookies of two users')
  if (caller === undefined) throw refusal ?? invalidToken('there is no session cookie')
  return caller
}

async function findUserOf(value: string): Promise<Caller> {
  const signedToken = readSignedToken(value)
  if (signedToken === undefined) throw invalidToken('the session cookie is not readable')
  return await findSessionUser(signedToken)
}

function toCaller(session: Session | undefined): Caller {
  if (session === undefined) throw invalidToken('its session is over')
  // Not `<=`, which would be false for a date that cannot be read (NaN), and so accept the session.
  if (!(session.expiresAt > Date.now()))
    throw new Problem('token_expired', 'The session is expired.')
  return { userId: session.userId }
}

/** Requests at the same time share one look-up. A session that was not found is not remembered. */
function findCached(token: string, line: string): Promise<Session | undefined> {
  const known = cache.get(token)
  if (known !== undefined && since(known.at) < rememberedMs) return known.session
  const session = findSession(token, line)
  const entry = { session, at: Date.now() }
  const forget = () => {
    if (cache.get(token) === entry) cache.delete(token)
  }
  session.then((found) => found === undefined && forget(), forget)
  setLatest(cache, token, entry, cacheLimit)
  return session
}
