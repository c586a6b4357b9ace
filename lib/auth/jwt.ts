import { errors, type JWTHeaderParameters, type JWTPayload, jwtVerify } from 'jose'
import type { Caller } from '#db/caller'
import { isStorable } from '#db/storable-text'
import { findPublicKey } from '#lib/auth/key-set'
import { invalidToken } from '#lib/auth/refusal'
import { isSignedWithSecret, secretKey } from '#lib/auth/secret'
import { env } from '#lib/config/env'
import { Problem } from '#lib/http/errors'

/** Only one list applies to a token. Otherwise a public key could pass for the secret of HS256. */
const secretAlgorithms = ['HS256']
export const keySetAlgorithms = ['EdDSA', 'ES256', 'ES512', 'RS256', 'PS256']

/** Headers that name a key, a compression or an extension. All have been used in attacks. */
const refusedHeaders = ['jku', 'jwk', 'x5u', 'x5c', 'crit', 'b64', 'zip']

/** Node refuses requests with more than 16 KB of headers. */
export const tokenLimitBytes = 14 * 1024
/** How far the clocks of the issuer and of this machine may be apart. */
export const toleranceSeconds = 10
/** In characters, as a column counts them. No issuer has longer ids. */
const subjectLimit = 255
/** RFC 5321. A longer text is no address, and would not fit the index of a users table. */
const emailLimit = 254
const nameLimit = 255
const latestSeconds = Date.UTC(9999, 11, 31) / 1000

/** The user that a token names, and when it expires. */
export interface VerifiedJwt {
  readonly caller: Caller
  readonly expiresAtSeconds: number
}

/**
 * Verifies a token as `docs/security.md` says, and returns the user that it names.
 *
 * @throws Problem `token_expired`, `token_invalid`, or `keys_unavailable` if no keys can be fetched
 */
export async function verifyJwt(token: string): Promise<VerifiedJwt> {
  const header = readHeader(token)
  const isBySecret = secretAlgorithms.includes(header.alg)
  if (isBySecret && isForged(token)) throw new Problem('token_invalid', 'The token is invalid.')
  const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = env()
  try {
    const options = {
      algorithms: isBySecret ? secretAlgorithms : keySetAlgorithms,
      clockTolerance: toleranceSeconds,
      requiredClaims: ['sub', 'exp'],
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
    }
    const key = isBySecret ? secretKey() : await findPublicKey(header)
    const { payload } = await jwtVerify(token, key, options)
    return { caller: readCaller(payload), expiresAtSeconds: payload.exp ?? 0 }
  } catch (error) {
    if (error instanceof errors.JWTExpired)
      throw new Problem('token_expired', 'The token is expired.', { cause: error })
    if (error instanceof errors.JOSEError)
      throw new Problem('token_invalid', 'The token is invalid.', { cause: error })
    throw error
  }
}

/**
 * Whether an HS256 signature is wrong. jose verifies every token as well, on another thread. This
 * check comes first because it refuses a forgery at a quarter of the cost.
 */
function isForged(token: string): boolean {
  const end = token.lastIndexOf('.')
  const signature = Buffer.from(token.slice(end + 1), 'base64url')
  return !isSignedWithSecret(token.slice(0, end), signature)
}

/** Reads the header. It refuses what no issuer sends before any key is used. */
function readHeader(token: string): JWTHeaderParameters {
  if (token.length > tokenLimitBytes) {
    throw invalidToken(
      "it is longer than 14 KB, as with a picture of the user in it, which Better Auth's definePayload can leave out",
    )
  }
  const parts = token.split('.')
  if (parts.length !== 3 || !parts.every(isCanonical)) throw invalidToken('it is not a signed JWT')
  const header = parseObject(Buffer.from(parts[0] ?? '', 'base64url').toString())
  const { alg, typ, kid } = header ?? {}
  if (header === undefined || typeof alg !== 'string')
    throw invalidToken('its header is not readable')
  if (!secretAlgorithms.includes(alg) && !keySetAlgorithms.includes(alg)) {
    throw invalidToken('its algorithm is not accepted')
  }
  if (refusedHeaders.some((name) => Object.hasOwn(header, name))) {
    throw invalidToken('its header names something that is not accepted')
  }
  if (typ !== undefined && !(typeof typ === 'string' && typ.toUpperCase() === 'JWT')) {
    throw invalidToken('its type is not JWT')
  }
  if (kid !== undefined && typeof kid !== 'string') throw invalidToken('its key id is no string')
  return { ...header, alg }
}

function readCaller(payload: JWTPayload): Caller {
  const { sub, exp = 0, iat, aud, email, name } = payload
  if (typeof sub !== 'string' || sub === '' || !isStorable(sub) || [...sub].length > subjectLimit) {
    throw invalidToken('its subject is no user id')
  }
  if (exp > latestSeconds) throw invalidToken('its expiry is out of range')
  if (iat !== undefined && iat > Date.now() / 1000 + toleranceSeconds) {
    throw invalidToken('it was issued in the future')
  }
  // Better Auth signs the cache of its session cookie with the same secret, but it is no token.
  if ([aud].flat().includes('better-auth:session-cache'))
    throw invalidToken('it is a session cache')
  return { userId: sub, email: textClaim(email, emailLimit), name: textClaim(name, nameLimit) }
}

/** jose ignores white space and stray bits in base64url, which gives a token many spellings. */
function isCanonical(part: string): boolean {
  return part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part
}

function parseObject(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    // Not JSON, and the caller says so.
    return undefined
  }
}

/** Reads an optional claim. One that cannot be stored is ignored: the user can do without it. */
function textClaim(claim: unknown, limit: number): string | undefined {
  if (typeof claim !== 'string' || claim === '' || claim.length > limit) return undefined
  return isStorable(claim) ? claim : undefined
}
