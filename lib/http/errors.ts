import { type DatabaseError, type DatabaseErrorKind, isDatabaseError } from '#db/errors'
import type { Answer } from '#lib/http/answer'

export interface ProblemType {
  readonly status: number
  readonly title: string
  /** A type that another document defines, in place of the entry in our own table. */
  readonly type?: string
}

/** Every error of this API: its stable code, its status and its title. */
export const problemTypes = {
  malformed_json: { status: 400, title: 'The body is not JSON' },
  malformed_request: { status: 400, title: 'The request is not HTTP' },
  malformed_header: { status: 400, title: 'A header is malformed' },
  malformed_path: { status: 400, title: 'The path is malformed' },
  credentials_missing: { status: 401, title: 'Credentials are missing' },
  token_invalid: { status: 401, title: 'The token is invalid' },
  token_expired: { status: 401, title: 'The token is expired' },
  account_unknown: { status: 401, title: 'The account does not exist' },
  other_user: { status: 403, title: 'The path names another user' },
  task_not_found: { status: 404, title: 'The task does not exist' },
  path_not_found: { status: 404, title: 'The path does not exist' },
  method_not_allowed: { status: 405, title: 'The path does not have this method' },
  request_timeout: { status: 408, title: 'The request took too long to arrive' },
  precondition_failed: { status: 412, title: 'The version is not one that you asked for' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body is not declared as plain JSON' },
  validation_failed: { status: 422, title: 'The request is not valid' },
  idempotency_key_reused: { status: 422, title: 'The idempotency key names another task' },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
  },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  internal_error: { status: 500, title: 'Something went wrong on our side' },
  database_unavailable: { status: 503, title: 'The database does not answer' },
  keys_unavailable: { status: 503, title: 'The token cannot be checked now' },
  not_ready: { status: 503, title: 'The service is not ready' },
  overloaded: { status: 503, title: 'The service is overloaded' },
} as const satisfies Record<string, ProblemType>

export type ProblemCode = keyof typeof problemTypes

/** One value that is not allowed, in a request that can be read. */
export type ValidationIssue = { readonly code: string; readonly detail: string } & (
  | { readonly pointer: string }
  | { readonly parameter: string }
  | { readonly header: string }
)

interface ProblemOptions {
  readonly errors?: readonly ValidationIssue[]
  readonly headers?: Readonly<Record<string, string>>
  /** Further members of the document, which the type of the problem defines. */
  readonly members?: Readonly<Record<string, unknown>>
  /** For the log, never for the client. */
  readonly cause?: unknown
}

/** `Symbol.for` gives every copy of this module the same symbol; see ADR 0041. */
const brand = Symbol.for('todo-backend:Problem')

/** An error that a client is answered, with a status of 400 and up. It is thrown. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly [brand] = true
  readonly code: ProblemCode
  readonly status: number
  readonly detail: string
  readonly errors: readonly ValidationIssue[] | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly members: Readonly<Record<string, unknown>>

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    // A stack trace is a tenth of the work of a refusal, and nobody would read it.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(detail, { cause: options.cause })
    Error.stackTraceLimit = stackTraceLimit
    this.code = code
    this.status = problemTypes[code].status
    this.detail = detail
    this.errors = options.errors
    this.headers = options.headers ?? {}
    this.members = options.members ?? {}
  }
}

const databaseProblems: Record<DatabaseErrorKind, (cause: DatabaseError) => Problem> = {
  unavailable: databaseUnavailable,
  misconfigured: databaseUnavailable,
  overloaded: (cause) =>
    new Problem('overloaded', 'Too many requests at once. Try again shortly.', { cause }),
  abandoned: (cause) =>
    new Problem('request_timeout', 'The client went away before its turn came.', { cause }),
  unknown_user: (cause) =>
    new Problem('account_unknown', 'There is no account for this token.', { cause }),
  rate_limited: (cause) => tooManyRequests('user', Number(cause.detail) || 1),
  not_isolated: (cause) => notServed(cause, 'does not keep users apart'),
  unsuitable: (cause) => notServed(cause, 'is not as the service needs it'),
  internal: internalError,
}

function notServed(cause: DatabaseError, why: string): Problem {
  return new Problem('not_ready', `The database ${why}, so it is not served.`, { cause })
}

function databaseUnavailable(cause: DatabaseError): Problem {
  const unchanged = cause.tookTooLong
    ? 'did not answer in time. Nothing was changed. Narrow a search, or try again shortly.'
    : 'cannot answer now. Nothing was changed. Try again shortly.'
  const inDoubt = 'did not say whether the change was made. Read before you repeat it.'
  const detail = `The database ${cause.mayHaveRun ? inDoubt : unchanged}`
  return new Problem('database_unavailable', detail, { cause })
}

/** A 429, with the policy that the request exceeds and the seconds to wait. */
export function tooManyRequests(policy: 'user' | 'address', waitSeconds: number): Problem {
  return new Problem('rate_limited', `Too many requests. Try again in ${waitSeconds} s.`, {
    headers: { 'retry-after': String(waitSeconds), ratelimit: `"${policy}";r=0;t=${waitSeconds}` },
    members: { 'violated-policies': [policy] },
  })
}

/** A 400 for a request whose target and Host make no URL. */
export function malformedUrl(): Problem {
  return new Problem('malformed_request', 'The target or the Host header is missing or not valid.')
}

/** Turns anything that was thrown into the problem that the client gets. */
export function toProblem(thrown: unknown): Problem {
  if (isProblem(thrown)) return thrown
  return isDatabaseError(thrown) ? databaseProblems[thrown.kind](thrown) : internalError(thrown)
}

function isProblem(thrown: unknown): thrown is Problem {
  return typeof thrown === 'object' && thrown !== null && brand in thrown
}

/** What every 401 (RFC 6750) and every 503 says in its headers, unless the problem has its own. */
function usualHeaders({ code, status, detail }: Problem): Readonly<Record<string, string>> {
  if (status === 503) return { 'retry-after': '2' }
  if (status !== 401) return {}
  const invalid = `Bearer error="invalid_token", error_description="${detail.replace(/\.$/, '')}"`
  return { 'www-authenticate': code === 'credentials_missing' ? 'Bearer' : invalid }
}

/** The problem document of RFC 9457. `message` repeats `detail` for frontends that read that. */
export function problemAnswer(problem: Problem, requestId: string): Answer {
  const { code, status, detail, errors } = problem
  const problemType: ProblemType = problemTypes[code]
  const body = {
    type: problemType.type ?? `/docs/errors#${code}`,
    title: problemType.title,
    status,
    detail,
    code,
    message: detail,
    instance: requestId,
    ...(errors !== undefined && { errors }),
    ...problem.members,
  }
  const type = { 'content-type': 'application/problem+json' }
  const headers = { ...usualHeaders(problem), ...problem.headers, ...type }
  return { status, headers, body: JSON.stringify(body) }
}

function internalError(cause: unknown): Problem {
  const detail = 'Something went wrong on our side. It has been logged.'
  return new Problem('internal_error', detail, { cause })
}
