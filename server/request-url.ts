import type { IncomingMessage } from 'node:http'

/** What a Host may hold. The URL parser accepts more: a user, a path, white space that it removes. */
const host = /^[^\s,/?#@\\]+$/

/**
 * The URL of a request, from its target and its Host (RFC 9112, 3.2 and 3.3). It is parsed here and
 * nowhere else, so no part of the service can read it differently, or throw over it.
 *
 * @returns undefined if the request must be refused: its Host or its target is not valid
 */
export function readUrl({ headers, httpVersion, url }: IncomingMessage): URL | undefined {
  const target = url ?? ''
  // HTTP/1.1 requires one Host. Node joins two by a comma, which is not valid.
  const authority = headers.host ?? (httpVersion === '1.0' ? 'localhost' : '')
  if (!host.test(authority)) return undefined
  const origin = `http://${authority}`
  if (target.startsWith('/')) return URL.parse(origin + target) ?? undefined
  if (target === '*') return URL.parse(`${origin}/*`) ?? undefined
  // The absolute form, which proxies get. Its own host counts, and Host must be valid all the same.
  const absolute = URL.canParse(origin) ? URL.parse(target) : null
  return absolute !== null && isWeb(absolute) ? absolute : undefined
}

function isWeb({ protocol, username, password }: URL): boolean {
  return /^https?:$/.test(protocol) && username === '' && password === ''
}
