import type { Caller } from '#db/caller'
import { invalidToken } from '#lib/auth/refusal'
import { findSessionUser } from '#lib/auth/session'
import { readSignedToken } from '#lib/auth/session-token'
import { env } from '#lib/config/env'
import { type Problem, toProblem } from '#lib/http/errors'

/**
 * Session cookies that are judged. A browser has two where the cookie's domain has changed; with
 * more, one request could cause many look-ups.
 */
const mostCookies = 4

/**
 * The values of Better Auth's session cookie, each once. Over HTTPS its name has the prefix
 * `__Secure-`. Such cookies take precedence, because only a page loaded over HTTPS can have set them.
 */
export function readSessionCookies(request: Request): readonly string[] {
  const cookies = (request.headers.get('cookie') ?? '').split(';').map(readPair)
  const name = env().SESSION_COOKIE
  const valuesOf = (wanted: string) => [
    ...new Set(cookies.flatMap((cookie) => (cookie.name === wanted ? cookie.value : []))),
  ]
  const secure = valuesOf(`__Secure-${name}`)
  return secure.length > 0 ? secure : valuesOf(name)
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

function readPair(text: string): { name: string; value: string } {
  const [name = '', ...rest] = text.split('=')
  return { name: name.trim(), value: rest.join('=').trim() }
}
