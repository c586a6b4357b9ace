import { errors, type JWTHeaderParameters, type JWTPayload, jwtVerify } from 'jose'
import type { Caller } from '#db/caller'
import { isStorable } from '#db/storable-text'
import { findPublicKey } from '#lib/auth/key-set'
import { invalidToken, refusal } from '#lib/auth/refusal'
import { isSignedWithSecret, secretKey } from '#lib/auth/secret'
import { env } from '#lib/config/env'

/** The two lists are never mixed: an HS256 token "signed" with a public key must find no key. */
const secretAlgorithms = ['HS256']
const keySetAlgorithms = ['EdDSA', 'ES256', 'ES512', 'RS256', 'PS256']

/** Headers that name a key, a compression or an extension: each has been an attack on verifiers. */
const refusedHeaders = ['jku', 'jwk', 'x5u', 'x5c', 'crit', 'b64', 'zip']

const tokenLimitBytes = 8192
const toleranceSeconds = 10
/** RFC 5321. What is longer is no address, and no index of a users table takes it. */
const emailLimit = 254
const nameLimit = 255
const latestSeconds = Date.UTC(9999, 11, 31) / 1000

/** Whom a token names, and until when. */
export interface VerifiedJwt {
  readonly caller: Caller
  readonly expiresAtSeconds: number
}

/**
 * Verifies a token by `docs/security.md` and returns whom it names.
 *
 * @throws Problem `token_expired`, `token_invalid`, or `keys_unavailable` where nobody can tell
 */
export async function verifyJwt(token: string): Promise<VerifiedJwt> {
  const header = readHeader(token)
  const isBySecret = secretAlgorithms.includes(header.alg)
  if (isBySecret && isForged(token)) throw refusal('token_invalid', 'The token is invalid')
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
      throw refusal('token_expired', 'The token is expired', error)
    if (error instanceof errors.JOSEError)
      throw refusal('token_invalid', 'The token is invalid', error)
    throw error
  }
}

/**
 * Whether an HS256 signature is wrong. jose verifies it again, on another thread; a forgery that is
 * found before that costs a quarter, and nothing passes here that jose refuses.
 */
function isForged(token: string): boolean {
  const end = token.lastIndexOf('.')
  const signature = Buffer.from(token.slice(end + 1), 'base64url')
  return !isSignedWithSecret(token.slice(0, end), signature)
}

/** Refuses, before any key is touched, what no issuer sends. */
function readHeader(token: string): JWTHeaderParameters {
  if (token.length > tokenLimitBytes) throw invalidToken('it is longer than 8 KB')
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
  // Postgres text cannot hold NUL, and no issuer's ids are longer.
  if (typeof sub !== 'string' || sub === '' || sub.length > 255 || !isStorable(sub)) {
    throw invalidToken('its subject is no user id')
  }
  if (exp > latestSeconds) throw invalidToken('its expiry is out of range')
  if (iat !== undefined && iat > Date.now() / 1000 + toleranceSeconds) {
    throw invalidToken('it was issued in the future')
  }
  // Better Auth signs its session cookie's cache with the same secret.
  if ([aud].flat().includes('better-auth:session-cache'))
    throw invalidToken('it is a session cache')
  return { userId: sub, email: textClaim(email, emailLimit), name: textClaim(name, nameLimit) }
}

/** jose accepts white space and stray trailing bits in base64url, so one token had many spellings. */
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

/** A claim that is only noted. One that cannot be stored keeps nobody from their tasks. */
function textClaim(claim: unknown, limit: number): string | undefined {
  if (typeof claim !== 'string' || claim === '' || claim.length > limit) return undefined
  return isStorable(claim) ? claim : undefined
}
