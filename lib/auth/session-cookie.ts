import { invalidToken } from '#lib/auth/refusal'
import { env } from '#lib/config/env'

/** The name of Better Auth's session cookie over HTTP. Over HTTPS it has the prefix `__Secure-`. */
export function sessionCookieName(): string {
  return `${env().SESSION_COOKIE_PREFIX}.session_token`
}

/**
 * The value of Better Auth's session cookie. The `__Secure-` cookie takes precedence, because only
 * a page loaded over HTTPS can have set it.
 *
 * @throws Problem 401 if there are two values: a page of a neighbouring domain may have set one
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
