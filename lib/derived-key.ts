import { hkdfSync } from 'node:crypto'
import { env } from '#lib/env'

const keys = new Map<string, Uint8Array>()

/** 32 bytes for one purpose, from `BETTER_AUTH_SECRET`: what leaks of one use tells nothing of another. */
export function derivedKey(purpose: string): Uint8Array {
  const known = keys.get(purpose)
  if (known !== undefined) return known
  const key = new Uint8Array(hkdfSync('sha256', env().BETTER_AUTH_SECRET, '', purpose, 32))
  keys.set(purpose, key)
  return key
}
