import type { OpenDatabase } from '#db/database'
import { readSessionCookies } from '#lib/auth/session-cookie'
import { isAuthentic, readSignedToken } from '#lib/auth/session-token'
import { env, withoutPassword } from '#lib/config/env'
import { type Check, failed, passed } from '#tools/doctor/check'
import type { Credential } from '#tools/doctor/credential'
import { explainSignature } from '#tools/doctor/secret'

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
  const texts = sessionTokensOf(credential)
  if (texts.length === 0) return [...checks, explainCookie(credential.headers['cookie'] ?? '')]
  if (credential.kind === 'unsigned session token') return await checkRows(opened, texts)
  const signed = texts.flatMap((text) => readSignedToken(text) ?? [])
  const authentic = signed.filter((each) => isAuthentic(each))
  if (authentic.length === 0) {
    const { found, remedy } = explainSignature((secret) =>
      signed.some((each) => isAuthentic(each, secret)),
    )
    return [...checks, failed('signature', found, remedy)]
  }
  checks.push(passed('signature', 'with our BETTER_AUTH_SECRET'))
  if (checks.length > 1) return checks
  const tokens = authentic.map(({ token }) => token)
  return [...checks, ...(await checkRows(opened, tokens))]
}

/** Looks the sessions up. Of several the good one counts, unless two users have one. */
async function checkRows(
  opened: OpenDatabase | undefined,
  tokens: readonly string[],
): Promise<Check[]> {
  if (opened === undefined) return []
  const rows = await Promise.all(tokens.map((token) => checkRow(opened, token)))
  const good = rows.filter(({ check }) => check.ok)
  if (new Set(good.map(({ userId }) => userId)).size > 1) {
    const remedy = 'Clear the cookies of the site and sign in again.'
    return [failed('session', 'there are session cookies of two users', remedy)]
  }
  return [good[0] ?? rows[0]].flatMap((row) => row?.check ?? [])
}

async function checkRow(
  opened: OpenDatabase,
  token: string,
): Promise<{ check: Check; userId?: string }> {
  const name = 'session row'
  try {
    const session = await opened.selectSession(token)
    if (session === undefined) {
      const check = failed(
        name,
        `there is no such session in ${withoutPassword(env().DATABASE_URL)}`,
        'DATABASE_URL=<that of your frontend>, and the SESSIONS_TABLE of it; or sign in again, if you have signed out. With secondaryStorage Better Auth keeps sessions elsewhere, unless session.storeSessionInDatabase is true.',
      )
      return { check }
    }
    const { userId, expiresAt } = session
    return expiresAt > Date.now()
      ? { check: passed(name, `valid until ${new Date(expiresAt).toISOString()}`), userId }
      : { check: failed(name, 'it has expired', 'Sign in again.') }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { check: failed(name, message, 'See sessions above: the setting is SESSIONS_TABLE.') }
  }
}

/** The session tokens that requests would take from the credential. */
function sessionTokensOf({ kind, headers }: Credential): readonly string[] {
  return kind === 'cookie'
    ? readSessionCookies(new Request('http://localhost', { headers }))
    : [headers['authorization']?.replace(/^Bearer /, '') ?? '']
}

/** Looks for a session token under another name, the one that our secret has signed first. */
function explainCookie(header: string): Check {
  const found = `no cookie ${env().SESSION_COOKIE}`
  const cookies = Array.from(
    header.matchAll(/([^=;\s]+)=([^;]*)/g),
    ([, name = '', value = '']) => {
      const token = readSignedToken(value.trim())
      return { name: name.replace(/^__Secure-/, ''), token }
    },
  )
  const signed = cookies.filter(({ token }) => token !== undefined)
  const ours = signed.find(({ token }) => token !== undefined && isAuthentic(token))
  const likely = ours ?? signed[0]
  return likely === undefined
    ? failed(
        'session',
        found,
        `Paste the request header Cookie from the network panel: scripts cannot read it. Or ${jwtInstead}.`,
      )
    : failed('session', found, `SESSION_COOKIE=${likely.name}`)
}
