import { setTimeout as sleep } from 'node:timers/promises'
import { type CryptoKey, createRemoteJWKSet, errors, type JWTHeaderParameters } from 'jose'
import { env } from '#lib/env'
import { Problem } from '#lib/errors'

/** Unknown key ids cause one fetch per cooldown at most; a rotated key waits no longer than it. */
const cooldownMs = 1000
const maxAgeMs = 10 * 60 * 1000
const timeoutMs = 3000

let keySet: ReturnType<typeof createRemoteJWKSet> | undefined

/**
 * The issuer's public key for a token, from `${BETTER_AUTH_URL}/api/auth/jwks`.
 *
 * @throws errors.JOSEError where the issuer has no such key
 * @throws Problem `keys_unavailable` where the issuer cannot be asked: a 401 would sign users out
 */
export async function findPublicKey(header: JWTHeaderParameters): Promise<CryptoKey> {
  const keys = remoteKeySet()
  const mayBeStale = keys.coolingDown
  try {
    return await keys(header)
  } catch (error) {
    if (!(error instanceof errors.JWKSNoMatchingKey && mayBeStale)) throw toFailure(error)
  }
  // Nothing was fetched for this token, and its key may be newer than the last fetch.
  await sleep(cooldownMs)
  return await keys(header).catch((error) => {
    throw toFailure(error)
  })
}

function toFailure(error: unknown): unknown {
  const isAnswer =
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  if (isAnswer) return error
  return new Problem(
    'keys_unavailable',
    'The issuer of the token cannot be asked. Try again shortly.',
    {
      cause: error,
      headers: { 'retry-after': '2' },
    },
  )
}

function remoteKeySet() {
  const issuer = env().BETTER_AUTH_URL
  if (issuer === undefined) {
    throw new errors.JWKSNoMatchingKey('BETTER_AUTH_URL is not set, so there is no key set')
  }
  keySet ??= createRemoteJWKSet(new URL('/api/auth/jwks', issuer), {
    cooldownDuration: cooldownMs,
    cacheMaxAge: maxAgeMs,
    timeoutDuration: timeoutMs,
  })
  return keySet
}
