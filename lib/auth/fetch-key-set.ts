import type { JSONWebKeySet } from 'jose'
import * as z from 'zod'
import { outgoing } from '#lib/http/outgoing'

const timeoutMs = 5000

/** At least one key: Better Auth makes one when it is first asked, so none is a fault of its own. */
const KeySetDocument = z.looseObject({
  keys: z.array(z.looseObject({ kty: z.string() })).min(1),
})

/**
 * Fetches the issuer's key set, `<issuer>/api/auth/jwks`. Where the URL has a path, it takes the
 * place of `/api/auth`, as Better Auth itself reads its URL.
 *
 * @throws whatever went wrong: no answer, a status that is not 200, or no key in the answer
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
  return KeySetDocument.parse(await response.json())
}
