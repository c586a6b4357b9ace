import { env } from '#lib/env'

let importedSecret: Promise<CryptoKey> | undefined

/** The shared secret. Imported once: a CryptoKey verifies more than twice as fast as bytes. */
export function secretKey(): Promise<CryptoKey> {
  importedSecret ??= crypto.subtle.importKey(
    'raw',
    new TextEncoder().encode(env().BETTER_AUTH_SECRET),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['verify'],
  )
  return importedSecret
}
