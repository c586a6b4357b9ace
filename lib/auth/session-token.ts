import { isSignedWithSecret } from '#lib/auth/secret'

/** Better Auth's session token with its signature, as its cookie and its bearer plugin carry it. */
export interface SignedToken {
  readonly token: string
  readonly signature: string
}

const signed = /^([A-Za-z0-9]{32})\.([A-Za-z0-9+/_-]{43}=?)$/
const unsigned = /^[A-Za-z0-9]{32}$/

/** Reads `<token>.<signature>`, URL-encoded or not. @returns undefined where it is something else */
export function readSignedToken(text: string): SignedToken | undefined {
  const [, token, signature] = signed.exec(decode(text)) ?? []
  return token === undefined || signature === undefined ? undefined : { token, signature }
}

/** Whether the text is a session token of the database, which anybody who reads it could send. */
export function isUnsignedToken(text: string): boolean {
  return unsigned.test(text)
}

/** Whether the issuer signed the token. */
export function isAuthentic({ token, signature }: SignedToken): boolean {
  const bytes = Buffer.from(signature, 'base64')
  // Stray bits at the end, or another alphabet, would give one token several spellings.
  return bytes.toString('base64') === signature && isSignedWithSecret(token, bytes)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A stray percent sign, so it is no encoded token.
    return text
  }
}
