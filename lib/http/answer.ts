/**
 * What a handler answers: a `Response` that nobody has made yet. `lib/http/with-request.ts` makes it, once
 * all of its headers are known, which costs less than changing those of one that is there.
 */
export interface Answer {
  /** 200 where there is none. */
  readonly status?: number
  /** By their names in lower case. They win over those of `lib/http/standing-headers.ts`. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer>
}

/** A page, with the content security policy that lets its own parts in. */
export function html(body: string, policy: string): Answer {
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy,
    'cache-control': 'no-cache',
  }
  return { headers, body }
}

/** An answer of JSON. */
export function json(value: unknown, { status = 200, headers }: Omit<Answer, 'body'> = {}): Answer {
  const type = { 'content-type': 'application/json' }
  return { status, headers: { ...type, ...headers }, body: JSON.stringify(value) }
}
