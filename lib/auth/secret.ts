import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import { env } from '#lib/config/env'

let key: KeyObject | undefined

/** The shared secret as a key object, which Node prepares once and not on each use. */
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
