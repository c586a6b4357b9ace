import { hash } from 'node:crypto'

/** 128 bits in base64url. */
export const shortHashLength = 22

/** A hash that is the same for the same text. Nobody can find another text with that hash. */
export function shortHash(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, shortHashLength)
}
