import { Problem } from '#lib/http/errors'

/** A 401 for a credential. `why` says what is wrong with it. */
export function invalidToken(why: string): Problem {
  return new Problem('token_invalid', `The token is invalid: ${why}.`)
}
