import { isSignedWithSecret } from '#lib/auth/secret'

/** Better Auth's session token with its signature, as the cookie and the bearer plugin send it. */
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

/**
 * Whether the text is a session token without its signature, as the database has it. Anybody who
 * can read the database could send that, so it counts only where a setting says so.
 */
export function isUnsignedToken(text: string): boolean {
  return unsigned.test(text)
}

/**
 * Whether the issuer signed the token.
 *
 * @param by another secret than ours, for the doctor
 */
export function isAuthentic({ token, signature }: SignedToken, by?: string): boolean {
  const bytes = Buffer.from(signature, 'base64')
  // Stray bits at the end, or another alphabet, would give one token several spellings.
  return bytes.toString('base64') === signature && isSignedWithSecret(token, bytes, by)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // The text has a stray percent sign, so it is not URL-encoded.
    return text
  }
}
