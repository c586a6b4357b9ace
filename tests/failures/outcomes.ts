/** How a request that fails is answered, by the code of its problem, and the event of its line in the log. */
export const outcomes = {
  database_unavailable: { status: 503, event: 'fault' },
  keys_unavailable: { status: 503, event: 'fault' },
  not_ready: { status: 503, event: 'fault' },
  internal_error: { status: 500, event: 'fault' },
  account_unknown: { status: 401, event: 'refused' },
  token_invalid: { status: 401, event: 'refused' },
  token_expired: { status: 401, event: 'refused' },
  other_user: { status: 403, event: 'refused' },
  // No news to the operator.
  rate_limited: { status: 429, event: undefined },
  credentials_missing: { status: 401, event: undefined },
} as const

export type OutcomeCode = keyof typeof outcomes
