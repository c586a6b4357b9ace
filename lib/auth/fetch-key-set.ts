import type { JSONWebKeySet } from 'jose'
import * as z from 'zod'
import { outgoing } from '#lib/http/outgoing'

const timeoutMs = 5000
/** More than a thousand keys. Whoever sends more would fill the memory of the service. */
const limitBytes = 256 * 1024
const leastRsaBits = 2048

/** At least one key: Better Auth makes one when it is first asked, so none is a fault of its own. */
const KeySetDocument = z.looseObject({
  keys: z.array(z.looseObject({ kty: z.string() })).min(1),
})

/**
 * Fetches the issuer's key set, `<issuer>/api/auth/jwks`. Where the URL has a path, it takes the
 * place of `/api/auth`, as Better Auth itself reads its URL.
 *
 * @throws whatever went wrong: no answer, a status that is not 200, more than 256 KB, or no key in
 *   the answer
 */
export async function fetchKeySet(issuer: string): Promise<JSONWebKeySet> {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/+$/, '') || '/api/auth'
  const headers = { accept: 'application/json' }
  outgoing.publish(headers)
  const response = await fetch(`${origin}${path}/jwks`, {
    // A redirect could lead to keys of somebody else.
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
    headers,
  })
  if (!response.ok) throw new Error(`The key set answered ${response.status}.`)
  return withoutWeakKeys(KeySetDocument.parse(JSON.parse(await readText(response))))
}

/**
 * The keys that may verify a token. jose throws a TypeError for a weak RSA key (RFC 7518, 3.3), also
 * for a token that another key of the set has signed.
 *
 * @throws Error where none is left
 */
function withoutWeakKeys({ keys }: JSONWebKeySet): JSONWebKeySet {
  const strong = keys.filter((key) => key.kty !== 'RSA' || bitsOf(key.n) >= leastRsaBits)
  if (strong.length === 0) throw new Error('Every key of the key set is weak.')
  return { keys: strong }
}

function bitsOf(modulus: string | undefined): number {
  const hex = Buffer.from(modulus ?? '', 'base64url')
    .toString('hex')
    .replace(/^0+/, '')
  return hex === ''
    ? 0
    : (hex.length - 1) * 4 + Number.parseInt(hex.charAt(0), 16).toString(2).length
}

/** Counted as it is read and decompressed: a few KB of gzip can become gigabytes. */
async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    // Leaving the loop cancels the rest.
    if (bytes > limitBytes) throw new Error('The key set is larger than 256 KB.')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
