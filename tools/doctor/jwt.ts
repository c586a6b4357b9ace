import { keySetUrl } from '#lib/auth/fetch-key-set'
import { keySetAlgorithms, toleranceSeconds } from '#lib/auth/jwt'
import { isSignedWithSecret } from '#lib/auth/secret'
import { env } from '#lib/config/env'
import { type Check, failed, passed } from '#tools/doctor/check'
import type { Credential } from '#tools/doctor/credential'
import type { Issuer, Keys } from '#tools/doctor/key-set'
import { explainSignature } from '#tools/doctor/secret'

type Jwt = Extract<Credential, { kind: 'JWT' }>

/** Checks a JWT: who could have signed it, when it expires, and which user it names. */
export function checkJwt(jwt: Jwt, keys: Keys, issuer: Issuer): Check[] {
  return [checkSignature(jwt, keys, issuer), checkTimes(jwt), checkClaims(jwt)]
}

function checkSignature({ header: { alg, kid }, headers }: Jwt, keys: Keys, issuer: Issuer): Check {
  const name = 'signature'
  if (alg === 'HS256') {
    const parts = splitSignature(headers['authorization'] ?? '')
    if (isSignedWithSecret(...parts)) return passed(name, 'HS256, with our BETTER_AUTH_SECRET')
    const { found, remedy } = explainSignature((secret) => isSignedWithSecret(...parts, secret))
    return failed(name, `HS256, ${found}`, remedy)
  }
  if (!keySetAlgorithms.includes(alg)) {
    const remedy = 'Sign with HS256 and the shared secret, or with the jwt() plugin of Better Auth.'
    return failed(name, `${alg}, which is not accepted`, remedy)
  }
  const found = `${alg}, key ${kid ?? 'without an id'}`
  if (keys.ids === undefined) {
    return failed(name, `${found}: there are no keys to check it with`, keys.check.remedy ?? '')
  }
  if (kid === undefined || keys.ids.has(kid)) return passed(name, `${found}, of the issuer`)
  const url = keySetUrl() ?? ''
  return failed(
    name,
    `${found}, which ${url} does not publish`,
    issuer.url === undefined || URL.parse(issuer.url)?.origin === URL.parse(url)?.origin
      ? 'Fetch another token: the keys have changed since. If that is refused too, BETTER_AUTH_URL or JWKS_URL is another frontend.'
      : issuer.setting,
  )
}

function checkTimes({ payload: { exp, nbf, iat } }: Jwt): Check {
  const name = 'expiry'
  if (exp === undefined) {
    return failed(name, 'it has no exp', "Set one where you sign: setExpirationTime('15m').")
  }
  // Whole seconds, as jose compares.
  const now = Math.floor(Date.now() / 1000)
  const at = new Date(exp * 1000)
  const when = Number.isNaN(at.getTime()) ? String(exp) : at.toISOString()
  if (exp <= now - toleranceSeconds) {
    return failed(name, `expired at ${when}`, 'Fetch a new token, and again on every 401.')
  }
  return Math.max(nbf ?? 0, iat ?? 0) > now + toleranceSeconds
    ? failed(name, 'it is not valid yet', 'Set the clocks of both machines: one of them is wrong.')
    : passed(name, `valid until ${when}`)
}

function checkClaims({ payload: { sub, iss, aud } }: Jwt): Check {
  const name = 'claims'
  const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = env()
  if (typeof sub !== 'string' || sub === '') {
    const remedy =
      'Send what authClient.token() gives, or set the user id where you sign: setSubject(user.id).'
    return failed(name, 'it names no user (sub): a cache of the session, or a mail token', remedy)
  }
  if (issuer !== undefined && iss !== issuer) {
    return failed(name, `iss is ${iss}, and JWT_ISSUER ${issuer}`, `JWT_ISSUER=${iss ?? ''}`)
  }
  const audiences = [aud].flat()
  if (audience !== undefined && !audiences.includes(audience)) {
    const [first = ''] = audiences
    return failed(
      name,
      `aud is ${audiences}, and JWT_AUDIENCE ${audience}`,
      `JWT_AUDIENCE=${first}`,
    )
  }
  return passed(name, `sub ${sub}, iss ${iss ?? 'not set'}, aud ${aud ?? 'not set'}`)
}

function splitSignature(header: string): [string, Buffer] {
  const token = header.replace(/^Bearer /, '')
  const end = token.lastIndexOf('.')
  return [token.slice(0, end), Buffer.from(token.slice(end + 1), 'base64url')]
}
