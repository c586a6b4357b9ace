const header = (description: string, example: string, required = true) => ({
  description,
  required,
  schema: { type: 'string' },
  example,
})

/** `components.headers`. */
export const headerComponents = {
  'X-Request-Id': header(
    'The id of this request: yours, if you sent a plain one, or a new one. It is in the log.',
    '0f4c2d1e-5a80-4d3f-9a55-2f1f5a3a7e9b',
  ),
  'Cache-Control': header('How long the answer may be kept.', 'private, no-cache'),
  ETag: header('The version of what you got.', '"582019347"'),
  Location: header(
    'Where the task is, relative to the URL of the request.',
    'tasks/4b8f9c0e-2f5d-4a57-9c1e-6f0c8a7d1b23',
  ),
  Link: header(
    'Where the next page is, relative to the URL of the request; absent on the last page.',
    '<?limit=20&cursor=kQ9…>; rel="next"',
    false,
  ),
  'Idempotency-Replayed': header('`true`: an earlier request created this task.', 'true'),
  'WWW-Authenticate': header(
    'What is wrong with the credentials (RFC 6750).',
    'Bearer error="invalid_token", error_description="The token is expired"',
  ),
  RateLimit: header(
    'How many requests you have left (`r`), and in how many seconds all of them are back (`t`). What another process of the service let through in the last ten seconds may not be taken off yet. On every answer that the database was asked for, where the service limits rates.',
    '"user";r=599;t=1',
    false,
  ),
  'RateLimit-Policy': header(
    'How many requests (`q`) you may make in how many seconds (`w`).',
    '"user";q=600;w=60',
    false,
  ),
  'Server-Timing': header(
    'How long credentials, the database and all of it took, in milliseconds, where the service tells.',
    'auth;dur=0.31, db;dur=1.94, total;dur=2.62',
    false,
  ),
  'Retry-After': header('How many seconds to wait before you try again.', '2'),
} as const

export type HeaderName = keyof typeof headerComponents

/** What any answer may have. The reference page says it once, before the operations. */
export const commonHeaders = [
  'X-Request-Id',
  'Cache-Control',
  'RateLimit',
  'RateLimit-Policy',
  'Server-Timing',
] as const satisfies readonly HeaderName[]

/** References to the components of these headers. */
export function headerReferences(names: readonly HeaderName[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}
