import type { OpenDatabase } from '#db/database'
import { readSessionCookie, sessionCookieName } from '#lib/auth/session-cookie'
import { isAuthentic, readSignedToken } from '#lib/auth/session-token'
import { env, withoutPassword } from '#lib/config/env'
import { type Check, failed, passed } from '#tools/doctor/check'
import type { Credential } from '#tools/doctor/credential'

const jwtInstead = 'send a JWT: authClient.token()'

/** Checks a session token in a header or a cookie: the setting, its signature, and its row. */
export async function checkSession(
  credential: Credential,
  opened: OpenDatabase | undefined,
): Promise<Check[]> {
  const name = 'session'
  const checks: Check[] = []
  if (!env().SESSION_TOKENS) {
    const remedy = `SESSION_TOKENS=true, where the service shares the frontend's database; or ${jwtInstead}.`
    checks.push(failed(name, 'session tokens do not count here', remedy))
  }
  const text = sessionTokenOf(credential)
  if (text === undefined) return [...checks, explainCookie(credential.headers['cookie'] ?? '')]
  const signedToken = readSignedToken(text)
  if (signedToken === undefined || !isAuthentic(signedToken)) {
    const remedy = 'BETTER_AUTH_SECRET=<the one of your frontend>'
    return [...checks, failed('signature', 'not with our BETTER_AUTH_SECRET', remedy)]
  }
  const signed = passed('signature', 'with our BETTER_AUTH_SECRET')
  if (checks.length > 0 || opened === undefined) return [...checks, signed]
  return [signed, await checkRow(opened, signedToken.token)]
}

async function checkRow(opened: OpenDatabase, token: string): Promise<Check> {
  const name = 'session row'
  try {
    const session = await opened.selectSession(token)
    if (session === undefined) {
      return failed(
        name,
        `there is no such session in ${withoutPassword(env().DATABASE_URL)}`,
        'DATABASE_URL=<that of your frontend>, and the SESSIONS_TABLE of it; or sign in again, if you have signed out. With secondaryStorage Better Auth keeps sessions elsewhere, unless session.storeSessionInDatabase is true.',
      )
    }
    return session.expiresAt > Date.now()
      ? passed(name, `valid until ${new Date(session.expiresAt).toISOString()}`)
      : failed(name, 'it has expired', 'Sign in again.')
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return failed(name, message, 'See sessions above: the setting is SESSIONS_TABLE.')
  }
}

/** @returns undefined if requests would take no session token from the cookie */
function sessionTokenOf({ kind, headers }: Credential): string | undefined {
  if (kind !== 'cookie') return headers['authorization']?.replace(/^Bearer /, '')
  try {
    return readSessionCookie(new Request('http://localhost', { headers }))
  } catch {
    // There are two session cookies, and the verdict says so.
    return undefined
  }
}

function explainCookie(cookie: string): Check {
  const [, prefix] = /(?:^|;\s*)(?:__Secure-)?([\w.-]+)\.session_token=/.exec(cookie) ?? []
  const found = `no cookie ${sessionCookieName()} that counts`
  if (prefix !== undefined && prefix !== env().SESSION_COOKIE_PREFIX) {
    return failed('session', found, `SESSION_COOKIE_PREFIX=${prefix}`)
  }
  const remedy =
    prefix === undefined
      ? `Paste the request header Cookie from the network panel: scripts cannot read it. Or ${jwtInstead}.`
      : 'Clear the cookies of the site and sign in again: there is more than one.'
  return failed('session', found, remedy)
}
