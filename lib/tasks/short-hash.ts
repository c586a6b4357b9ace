import { hash } from 'node:crypto'

/** 128 bits in base64url. */
export const shortHashLength = 22

/** The same for the same text, and for no other that anybody will find. */
export function shortHash(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, shortHashLength)
}
