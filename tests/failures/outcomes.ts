/** How the service answers a request that fails, and what it writes about it. */
export interface Outcome {
  readonly status: number
  readonly reason: string
  readonly code: string
  /** Whether the answer says when to come back. */
  readonly retryAfter: boolean
  /** The event of the line in the log; undefined where the failure is no news to the operator. */
  readonly event: 'fault' | 'refused' | undefined
}

const service = {
  status: 503,
  reason: 'Service Unavailable',
  retryAfter: true,
  event: 'fault',
} as const
const credentials = {
  status: 401,
  reason: 'Unauthorized',
  retryAfter: false,
  event: 'refused',
} as const

/** Every way in which a request of the suite may fail, by its code. */
export const outcomes = {
  database_unavailable: { ...service, code: 'database_unavailable' },
  keys_unavailable: { ...service, code: 'keys_unavailable' },
  not_ready: { ...service, code: 'not_ready' },
  internal_error: {
    status: 500,
    reason: 'Internal Server Error',
    code: 'internal_error',
    retryAfter: false,
    event: 'fault',
  },
  rate_limited: {
    status: 429,
    reason: 'Too Many Requests',
    code: 'rate_limited',
    retryAfter: true,
    event: undefined,
  },
  account_unknown: { ...credentials, code: 'account_unknown' },
  token_invalid: { ...credentials, code: 'token_invalid' },
  token_expired: { ...credentials, code: 'token_expired' },
  credentials_missing: { ...credentials, code: 'credentials_missing', event: undefined },
  other_user: {
    status: 403,
    reason: 'Forbidden',
    code: 'other_user',
    retryAfter: false,
    event: 'refused',
  },
} as const satisfies Record<string, Outcome>

export type OutcomeCode = keyof typeof outcomes
