import { env } from '#lib/config/env'

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

function readPair(text: string): { name: string; value: string } {
  const [name = '', ...rest] = text.split('=')
  return { name: name.trim(), value: rest.join('=').trim() }
}
