import { invalidToken } from '#lib/auth/refusal'
import { env } from '#lib/config/env'

/** What Better Auth calls its session cookie over HTTP; over HTTPS `__Secure-` goes before it. */
export function sessionCookieName(): string {
  return `${env().SESSION_COOKIE_PREFIX}.session_token`
}

/**
 * The value of Better Auth's session cookie. The `__Secure-` one goes first: only a page that came
 * over HTTPS can have set it.
 *
 * @throws Problem 401 where there are two: one may have been planted from a neighbouring domain
 */
export function readSessionCookie(request: Request): string | undefined {
  const cookies = (request.headers.get('cookie') ?? '').split(';').map(readPair)
  const name = sessionCookieName()
  for (const wanted of [`__Secure-${name}`, name]) {
    const [value, ...others] = new Set(
      cookies.flatMap((cookie) => (cookie.name === wanted ? cookie.value : [])),
    )
    if (others.length > 0) throw invalidToken('there are two session cookies')
    if (value !== undefined) return value
  }
  return undefined
}

function readPair(text: string): { name: string; value: string } {
  const [name = '', ...rest] = text.split('=')
  return { name: name.trim(), value: rest.join('=').trim() }
}
