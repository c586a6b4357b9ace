import { challenge, Problem } from '#lib/http/errors'

/** A 401 for a credential. `why` says what is wrong with it. */
export function invalidToken(why: string): Problem {
  return refusal('token_invalid', `The token is invalid: ${why}`)
}

/** A 401 for a credential that was sent; the sentence in `detail` has no full stop. */
export function refusal(
  code: 'token_expired' | 'token_invalid',
  detail: string,
  cause?: unknown,
): Problem {
  return new Problem(code, `${detail}.`, {
    cause,
    headers: { 'www-authenticate': challenge(detail) },
  })
}

/** A 401 for a request that has no accepted credential. */
export function missingCredentials(detail: string): Problem {
  return new Problem('credentials_missing', detail, {
    headers: { 'www-authenticate': challenge() },
  })
}
