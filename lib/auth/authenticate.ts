import type { Caller } from '#lib/auth/caller'
import { verifyJwt } from '#lib/auth/jwt'
import { challenge, Problem } from '#lib/errors'

/**
 * Reads and verifies the credentials of a request (RFC 6750, the header only).
 *
 * @throws Problem 401 for what is missing or refused, 503 where the keys cannot be had
 */
export async function authenticate(request: Request): Promise<Caller> {
  const header = request.headers.get('authorization')
  const [, token] = /^bearer(?: +(.*))?$/i.exec(header ?? '') ?? [undefined, null]
  if (token === null) {
    throw new Problem('credentials_missing', 'Send the header Authorization: Bearer <token>.', {
      headers: { 'www-authenticate': challenge() },
    })
  }
  return await verifyJwt(token ?? '')
}
