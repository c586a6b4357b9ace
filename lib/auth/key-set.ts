import { setTimeout as sleep } from 'node:timers/promises'
import { type CryptoKey, createLocalJWKSet, errors, type JWTHeaderParameters } from 'jose'
import { since } from '#db/remembered'
import { fetchKeySet, keySetUrl } from '#lib/auth/fetch-key-set'
import { Problem } from '#lib/http/errors'
import { log } from '#lib/log'

/** The issuer is asked at most once in this time, however many unknown key ids are sent. */
const cooldownMs = 1000
/** Keys older than this are renewed in the background. */
const refreshMs = 10 * 60 * 1000
/** While that fails, it is tried again after this time. */
const refreshPauseMs = 30 * 1000
/** Keys that could not be renewed for this long are not used any more: they may be withdrawn. */
const usableMs = 24 * 60 * 60 * 1000

interface KeySet {
  readonly find: ReturnType<typeof createLocalJWKSet>
  readonly ids: ReadonlySet<unknown>
  readonly fetchedAt: number
  /** Which fetch it came from: the clock may be set back. */
  readonly turn: number
}

let current: KeySet | undefined
/** When the last fetch began. */
let askedAt = 0
let turns = 0
/** The error of the last fetch, undefined if it succeeded. */
let failure: Problem | undefined
/** The latest fetch, while it is under way. */
let fetching: Promise<KeySet> | undefined
/** The fetch that begins once the cooldown is over. */
let nextFetch: Promise<KeySet> | undefined

/**
 * Finds the issuer's public key for a token. Known keys stay in use while the issuer is away. For
 * an unknown key id the set is fetched again, so tokens of a new key wait a second at most.
 *
 * @throws errors.JOSEError if the issuer has no such key
 * @throws Problem `keys_unavailable` if the issuer cannot be asked: a 401 would sign users out
 */
export async function findPublicKey(header: JWTHeaderParameters): Promise<CryptoKey> {
  const url = keySetUrl()
  if (url === undefined) throw new errors.JWKSNoMatchingKey('BETTER_AUTH_URL is not set')
  const keys = await keysFor(header.kid, url)
  try {
    return await keys.find(header)
  } catch (error) {
    throw isRefusal(error) ? error : unavailable(error)
  }
}

async function keysFor(keyId: string | undefined, url: string): Promise<KeySet> {
  const ageMs = Date.now() - (current?.fetchedAt ?? 0)
  if (current === undefined || ageMs > usableMs) return await (fetching ?? fetchNext(url))
  // A known key id with another algorithm is an attack and no new key, so no fetch would help.
  if (keyId !== undefined && !current.ids.has(keyId)) return await fetchNext(url)
  // Where the clock was set back, nobody knows how old they are.
  if (ageMs <= refreshMs && ageMs >= 0) return current
  const known = current
  // Where nobody asked for long, nobody renewed them either: one may have been withdrawn since.
  const isOld = ageMs > refreshMs + refreshPauseMs
  const isAway = failure !== undefined && since(askedAt) < refreshPauseMs
  const renewed = renew(url)
  return isOld && !isAway ? ((await renewed) ?? known) : known
}

/** Fetches the key set once the cooldown is over. Requests that wait meanwhile share the fetch. */
async function fetchNext(url: string): Promise<KeySet> {
  const pauseMs = Math.max(0, cooldownMs - since(askedAt))
  // While the issuer is away, requests fail at once. Waiting for it would only pile them up.
  if (failure !== undefined && pauseMs > 0) throw failure
  nextFetch ??= sleep(pauseMs).then(() => {
    nextFetch = undefined
    askedAt = Date.now()
    const own = load(url).finally(() => {
      // A later one may be under way: the cooldown is shorter than a slow answer takes.
      if (fetching === own) fetching = undefined
    })
    fetching = own
    return own
  })
  return await nextFetch
}

async function load(url: string): Promise<KeySet> {
  const fetchedAt = Date.now()
  turns += 1
  const turn = turns
  try {
    const jwks = await fetchKeySet(url)
    const ids = new Set<unknown>(jwks.keys.map(({ kid }) => kid))
    const loaded = { find: createLocalJWKSet(jwks), ids, fetchedAt, turn }
    // A slow answer must not replace the answer to a later fetch.
    if (current === undefined || current.turn <= turn) current = loaded
    failure = undefined
    return loaded
  } catch (error) {
    const problem = unavailable(error)
    // Nor must a slow failure speak against it.
    if (current === undefined || current.turn <= turn) failure = problem
    throw problem
  }
}

/** Fetches the key set, unless that was tried of late. @returns undefined where there is no newer */
async function renew(url: string): Promise<KeySet | undefined> {
  const underWay = nextFetch ?? fetching
  if (underWay !== undefined) return await underWay.catch(() => undefined)
  if (since(askedAt) < refreshPauseMs) return undefined
  return await fetchNext(url).catch((err) => {
    // The present keys stay in use, so no request fails. The log line is for the operator.
    log().warn({ event: 'key_set_not_renewed', err })
    return undefined
  })
}

/** Whether jose refuses the token. With any other error, a key of the set is broken. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  )
}

function unavailable(cause: unknown): Problem {
  const detail = 'The issuer of the token cannot be asked. Try again shortly.'
  return new Problem('keys_unavailable', detail, { cause })
}
