import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'
import { env } from '#lib/config/env'

let key: KeyObject | undefined
const derivedKeys = new Map<string, KeyObject>()

/** The shared secret as a key object, which Node prepares once. Raw bytes take five times as long. */
export function secretKey(): KeyObject {
  key ??= createSecretKey(Buffer.from(env().BETTER_AUTH_SECRET))
  return key
}

/**
 * Whether somebody who has the secret signed the text: HMAC with SHA-256, in constant time.
 *
 * @param by another secret than ours, for the doctor
 */
export function isSignedWithSecret(
  text: string,
  signature: Buffer,
  by: KeyObject | string = secretKey(),
): boolean {
  const expected = createHmac('sha256', by).update(text).digest()
  return signature.length === expected.length && timingSafeEqual(signature, expected)
}

/** Derives a key of 32 bytes for one purpose from the secret. A leaked key reveals no other. */
export function derivedKey(purpose: string): KeyObject {
  const known = derivedKeys.get(purpose)
  if (known !== undefined) return known
  const bytes = hkdfSync('sha256', env().BETTER_AUTH_SECRET, '', purpose, 32)
  const key = createSecretKey(new Uint8Array(bytes))
  derivedKeys.set(purpose, key)
  return key
}
