import { setTimeout as sleep } from 'node:timers/promises'
import { type CryptoKey, createLocalJWKSet, errors, type JWTHeaderParameters } from 'jose'
import { fetchKeySet } from '#lib/auth/fetch-key-set'
import { env } from '#lib/config/env'
import { Problem } from '#lib/http/errors'
import { log } from '#lib/log'

/** The issuer is asked once per cooldown at most, however many unknown key ids are sent. */
const cooldownMs = 1000
/** Keys of this age are renewed while they are still used, and again after each pause. */
const refreshMs = 10 * 60 * 1000
const refreshPauseMs = 30 * 1000
/** Keys that could not be renewed for so long may have been withdrawn. */
const usableMs = 24 * 60 * 60 * 1000

interface KeySet {
  readonly find: ReturnType<typeof createLocalJWKSet>
  readonly ids: ReadonlySet<unknown>
  readonly fetchedAt: number
}

let current: KeySet | undefined
let askedAt = 0
/** What the last fetch failed with, undefined after one that succeeded. */
let failure: Problem | undefined
let fetching: Promise<KeySet> | undefined
let waiting: Promise<KeySet> | undefined

/**
 * The issuer's public key for a token. Known keys stay in use while the issuer is away; for an
 * unknown one it is asked again, so that a rotated key costs its first tokens a second at most.
 *
 * @throws errors.JOSEError where the issuer has no such key
 * @throws Problem `keys_unavailable` where the issuer cannot be asked: a 401 would sign users out
 */
export async function findPublicKey(header: JWTHeaderParameters): Promise<CryptoKey> {
  const issuer = env().BETTER_AUTH_URL
  if (issuer === undefined) throw new errors.JWKSNoMatchingKey('BETTER_AUTH_URL is not set')
  const keys = await keysFor(header.kid, issuer)
  try {
    return await keys.find(header)
  } catch (error) {
    throw isAnswer(error) ? error : unavailable(error)
  }
}

async function keysFor(keyId: string | undefined, issuer: string): Promise<KeySet> {
  const ageMs = Date.now() - (current?.fetchedAt ?? 0)
  if (current === undefined || ageMs > usableMs) return await (fetching ?? fetchNext(issuer))
  // A known id with another algorithm is an attack, not a rotation, and not worth a fetch.
  if (keyId !== undefined && !current.ids.has(keyId)) return await fetchNext(issuer)
  if (ageMs > refreshMs) refreshInBackground(issuer)
  return current
}

/** The next fetch that begins, after the cooldown: all who ask before it begins share it. */
async function fetchNext(issuer: string): Promise<KeySet> {
  const pauseMs = Math.max(0, askedAt + cooldownMs - Date.now())
  // While the issuer is away, waiting in line for it would only pile requests up.
  if (failure !== undefined && pauseMs > 0) throw failure
  waiting ??= sleep(pauseMs).then(() => {
    waiting = undefined
    askedAt = Date.now()
    fetching = load(issuer).finally(() => {
      fetching = undefined
    })
    return fetching
  })
  return await waiting
}

async function load(issuer: string): Promise<KeySet> {
  const fetchedAt = Date.now()
  try {
    const jwks = await fetchKeySet(issuer)
    const ids = new Set<unknown>(jwks.keys.map(({ kid }) => kid))
    const loaded = { find: createLocalJWKSet(jwks), ids, fetchedAt }
    // A slow answer may come after that to a later question.
    if (current === undefined || current.fetchedAt <= fetchedAt) current = loaded
    failure = undefined
    return loaded
  } catch (error) {
    failure = unavailable(error)
    throw failure
  }
}

function refreshInBackground(issuer: string): void {
  if (fetching !== undefined || Date.now() - askedAt < refreshPauseMs) return
  // The keys at hand serve on, so nobody's request fails; whoever runs the service should know.
  fetchNext(issuer).catch((err) => log().warn({ event: 'key_set_not_renewed', err }))
}

function isAnswer(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  )
}

function unavailable(cause: unknown): Problem {
  const detail = 'The issuer of the token cannot be asked. Try again shortly.'
  return new Problem('keys_unavailable', detail, { cause, headers: { 'retry-after': '2' } })
}
