import type { Caller } from '#db/caller'
import { setLatest, since } from '#db/remembered'
import { verifyJwt } from '#lib/auth/jwt'
import { invalidToken } from '#lib/auth/refusal'
import { findCookieUser, findSessionUser, findUnsignedSessionUser } from '#lib/auth/session'
import { readSessionCookies } from '#lib/auth/session-cookie'
import { isUnsignedToken, readSignedToken } from '#lib/auth/session-token'
import { env } from '#lib/config/env'
import { allowedOrigin } from '#lib/http/cors'
import { Problem } from '#lib/http/errors'

/** About 10 MB of Better Auth's tokens. Beyond it the oldest is forgotten. */
const limit = 10_000
/** A longer token is verified each time: those of one user could fill 140 MB. */
const rememberedLength = 2048
/** How long a token is accepted after the issuer has withdrawn its key. */
const rememberedMs = 60_000

interface Entry {
  readonly caller: Caller
  readonly at: number
  readonly expiresAtMs: number
}

const verified = new Map<string, Entry>()

/** A Bearer header, also behind one of another scheme. */
const anyBearer = /(?:^|,)\s*bearer\b/i

const remedy = 'Send the header Authorization: Bearer <token>.'

/**
 * Reads and verifies the credentials of a request: the `Authorization` header (RFC 6750) or, with
 * `SESSION_TOKENS`, the session cookie. A request with a Bearer header is judged by that alone, so
 * that a cookie which the browser adds cannot make up for a bad token. A header of another scheme
 * is meant for somebody else: behind HTTP Basic, browsers send it with every request.
 *
 * @throws Problem 401 if they are missing or refused, 503 if the keys cannot be fetched
 * @throws DatabaseError if a session cannot be looked up
 */
export async function authenticate(request: Request): Promise<Caller> {
  const header = request.headers.get('authorization') ?? ''
  if (!anyBearer.test(header)) return await authenticateCookie(request)
  const [scheme, token = ''] = /^bearer(?: +(.*))?$/i.exec(header) ?? []
  if (scheme === undefined) throw new Problem('credentials_missing', remedy)
  const known = findVerified(token)
  if (known !== undefined) return known
  if (isUnsignedToken(token)) {
    if (env().SESSION_TOKENS === 'unsigned') return await findUnsignedSessionUser(token)
    throw invalidToken('this is a session token without its signature, not a JWT')
  }
  const signedToken = readSignedToken(token)
  if (signedToken === undefined) {
    const { caller, expiresAtSeconds } = await verifyJwt(token)
    rememberVerified(token, caller, expiresAtSeconds)
    return caller
  }
  if (!env().SESSION_TOKENS) throw invalidToken('this is a session token, not a JWT')
  return await findSessionUser(signedToken)
}

/**
 * The user of a token that was verified within the last minute and has not expired. A user's
 * requests come in bursts, and outside the database a read spends most of its time on verification.
 */
export function findVerified(token: string): Caller | undefined {
  const entry = verified.get(token)
  if (entry === undefined) return undefined
  const isFresh = since(entry.at) < rememberedMs && entry.expiresAtMs > Date.now()
  if (isFresh) return entry.caller
  verified.delete(token)
  return undefined
}

/** Remembers a verified token by its whole text. A refused or long token is never remembered. */
export function rememberVerified(token: string, caller: Caller, expiresAtSeconds: number): void {
  if (token.length > rememberedLength) return
  const entry = { caller, at: Date.now(), expiresAtMs: expiresAtSeconds * 1000 }
  setLatest(verified, token, entry, limit)
}

async function authenticateCookie(request: Request): Promise<Caller> {
  const cookies = readSessionCookies(request)
  if (cookies.length === 0) throw new Problem('credentials_missing', remedy)
  if (!env().SESSION_TOKENS) {
    throw new Problem(
      'credentials_missing',
      `A session cookie was sent, which does not count here. ${remedy}`,
    )
  }
  if (isForeign(request)) {
    throw new Problem('credentials_missing', 'A session cookie counts only from an allowed Origin.')
  }
  return await findCookieUser(cookies)
}

/**
 * Whether a foreign page may have sent the request. Browsers add the cookie to the requests of
 * every page (CSRF), and report the page in headers that scripts cannot forge. They send no
 * `Origin` with a read of the same origin, which a frontend may forward by a rewrite. Such a read
 * is accepted: it changes nothing, and a page of another site cannot see the answer.
 */
function isForeign(request: Request): boolean {
  if (request.headers.get('sec-fetch-site') === 'cross-site') return true
  if (request.headers.has('origin')) return allowedOrigin(request) === undefined
  return request.method !== 'GET' && request.method !== 'HEAD'
}
