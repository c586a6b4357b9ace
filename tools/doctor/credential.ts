import { decodeJwt, decodeProtectedHeader, type JWTPayload } from 'jose'
import { isUnsignedToken, readSignedToken } from '#lib/auth/session-token'

/** A credential as it was pasted: its kind, and the request header that carries it. */
export type Credential = { readonly headers: Readonly<Record<string, string>> } & (
  | { readonly kind: 'JWT'; readonly header: JwtHeader; readonly payload: JWTPayload }
  | { readonly kind: 'session token' | 'unsigned session token' | 'cookie' | 'unreadable' }
)

interface JwtHeader {
  readonly alg: string
  readonly kid: string | undefined
}

/** Reads a JWT, a session token or a `Cookie` header, each with or without the header's name. */
export function readCredential(pasted: string): Credential {
  const text = pasted.trim().replace(/^(?:authorization|cookie|set-auth-token):\s*/i, '')
  const token = text.replace(/^bearer\s+/i, '')
  const headers = { authorization: `Bearer ${token}` }
  if (isUnsignedToken(token)) return { kind: 'unsigned session token', headers }
  if (readSignedToken(token) !== undefined) return { kind: 'session token', headers }
  const jwt = readJwt(token)
  if (jwt !== undefined) return { kind: 'JWT', headers, ...jwt }
  // A session token may end in `=` too, but has no cookie name before it.
  return /^[\w.-]+=/.test(text)
    ? { kind: 'cookie', headers: { cookie: text } }
    : { kind: 'unreadable', headers }
}

/** Whether the token is signed with one of the issuer's keys, and not with the secret. */
export function needsKeySet(credential: Credential): boolean {
  return credential.kind === 'JWT' && credential.header.alg !== 'HS256'
}

function readJwt(token: string): { header: JwtHeader; payload: JWTPayload } | undefined {
  try {
    const { alg = 'none', kid } = decodeProtectedHeader(token)
    return { header: { alg, kid }, payload: decodeJwt(token) }
  } catch {
    // It is not a JWT, and the doctor reports that.
    return undefined
  }
}
