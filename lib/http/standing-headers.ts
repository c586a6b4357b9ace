/** What every response carries, unless it says otherwise itself (the reference page does). */
export const standingHeaders = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  // Whether the CORS headers are there depends on it, so a shared cache must know.
  vary: 'Origin',
} as const

/** RFC 6797: only over HTTPS. */
export const transportSecurity = { 'strict-transport-security': 'max-age=63072000' } as const
