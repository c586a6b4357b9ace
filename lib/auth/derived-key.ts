import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { env } from '#lib/config/env'

const keys = new Map<string, KeyObject>()

/** 32 bytes for one purpose, from `BETTER_AUTH_SECRET`: what leaks of one use tells nothing of another. */
export function derivedKey(purpose: string): KeyObject {
  const known = keys.get(purpose)
  if (known !== undefined) return known
  // A key object is read once; the bytes of a key are read for each use, which costs five times more.
  const bytes = hkdfSync('sha256', env().BETTER_AUTH_SECRET, '', purpose, 32)
  const key = createSecretKey(new Uint8Array(bytes))
  keys.set(purpose, key)
  return key
}
