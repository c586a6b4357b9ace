import type { JSONWebKeySet } from 'jose'
import * as z from 'zod'
import { env } from '#lib/config/env'
import { outgoing } from '#lib/http/outgoing'

const timeoutMs = 5000
/** Enough for more than a thousand keys. Without a limit, a large answer could fill the memory. */
const limitBytes = 256 * 1024
const leastRsaBits = 2048

const Key = z.looseObject({ kty: z.string(), n: z.exactOptional(z.string()) })
/**
 * A key that cannot be read is left out (RFC 7517, 5). An empty key set is an error of the issuer:
 * Better Auth makes a key when it is first asked.
 */
const KeySetDocument = z.looseObject({
  keys: z
    .array(z.unknown())
    .transform((keys) => keys.flatMap((key) => Key.safeParse(key).data ?? []))
    .refine((keys) => keys.length > 0, 'The key set has no key.'),
})

/**
 * Where the key set is: `JWKS_URL`, or else `<BETTER_AUTH_URL>/api/auth/jwks`. A path in
 * `BETTER_AUTH_URL` replaces `/api/auth`, as it does in Better Auth. Undefined if neither is set.
 */
export function keySetUrl(): string | undefined {
  const { JWKS_URL, BETTER_AUTH_URL: issuer } = env()
  if (JWKS_URL !== undefined || issuer === undefined) return JWKS_URL
  const { origin, pathname } = new URL(issuer)
  return `${origin}${pathname.replace(/\/+$/, '') || '/api/auth'}/jwks`
}

/**
 * Fetches the issuer's key set.
 *
 * @throws whatever went wrong: no answer, a redirect (see `redirectTarget`), a status other than 200,
 *   more than 256 KB, or no key
 */
export async function fetchKeySet(url: string): Promise<JSONWebKeySet> {
  const headers = { accept: 'application/json' }
  outgoing.publish(headers)
  const response = await fetch(url, {
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
    headers,
  })
  const location = response.headers.get('location')
  if (response.status > 300 && response.status < 400 && location !== null) {
    throw refuseRedirect(url, location)
  }
  if (!response.ok) throw new Error(`The key set answered ${response.status}.`)
  return withoutWeakKeys(KeySetDocument.parse(JSON.parse(await readText(response))))
}

/** It is not followed: a redirect could lead to somebody else's keys. */
function refuseRedirect(url: string, location: string): Error {
  const { origin, pathname } = URL.parse(location, url) ?? new URL(url)
  // Without its query, which may have a secret.
  const redirectsTo = `${origin}${pathname}`
  const message = `${url} redirects to ${redirectsTo}. Set JWKS_URL to where the key set is.`
  return Object.assign(new Error(message), { redirectsTo })
}

/** Where the key set redirects to, if that is why it could not be fetched. */
export function redirectTarget(error: unknown): string | undefined {
  if (!(error instanceof Error && 'redirectsTo' in error)) return undefined
  return String(error.redirectsTo)
}

/**
 * Leaves out weak RSA keys (RFC 7518, 3.3). If the set has one, jose throws a TypeError even for a
 * token that another key has signed.
 *
 * @throws Error if no key is left
 */
function withoutWeakKeys({ keys }: JSONWebKeySet): JSONWebKeySet {
  const strong = keys.filter((key) => key.kty !== 'RSA' || bitsOf(key.n) >= leastRsaBits)
  if (strong.length === 0) throw new Error('Every key of the key set is weak.')
  return { keys: strong }
}

function bitsOf(modulus = ''): number {
  const hex = Buffer.from(modulus, 'base64url').toString('hex')
  return BigInt(`0x0${hex}`).toString(2).length
}

/** Reads up to the limit, counted after decompression: a few KB of gzip can become gigabytes. */
async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    // Leaving the loop cancels the download.
    if (bytes > limitBytes) throw new Error('The key set is larger than 256 KB.')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
