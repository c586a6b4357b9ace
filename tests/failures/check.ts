import { STATUS_CODES } from 'node:http'
import { expect } from 'vitest'
import { ask, newPerson, origin, type Seen } from '#tests/failures/requests'
import type { Failure } from '#tests/failures/table'
import { deadlineMs, slackMs, type World } from '#tests/failures/world'
import { linesAbout } from '#tests/support/log-lines'

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

/** Makes a failure happen, asks, mends it, and compares every answer with the failure's outcome. */
export async function checkFailure(world: World, failure: Failure): Promise<void> {
  const { requests, provoke, outcome, says } = failure
  const asking = requests.map(async (name) => ({ name, person: await newPerson(world) }))
  const asked = await Promise.all(asking)
  const people = asked.map(({ person }) => person)
  const mend = await provoke(world, people)
  const answering = asked.map(async ({ name, person }) => {
    return { name, answer: await ask(world, name, person) }
  })
  for (const { name, answer } of await Promise.all(answering).finally(mend)) {
    const lines = () => linesAbout(world.service, answer.requestId)
    // A line of the log may come after its answer.
    const seen = () => ({ request: name, ...shown(answer), log: lines().map(toShort) })
    await expect.poll(seen).toEqual({ request: name, ...expected(outcome) })
    expect(answer.durationMs, name).toBeLessThan(deadlineMs + slackMs)
    if (says === '') continue
    expect(JSON.stringify(lines()), name).toContain(says)
    expect(answer.text).not.toContain(says)
  }
}

function shown({ status, statusText, headers, text, requestId }: Seen) {
  const type = headers.get('content-type')
  return {
    status,
    reason: statusText,
    type,
    code: type === 'application/problem+json' ? JSON.parse(text).code : text,
    retryAfter: /^[1-9]\d*$/.test(headers.get('retry-after') ?? ''),
    challenge: headers.get('www-authenticate')?.split(' ')[0],
    allowOrigin: headers.get('access-control-allow-origin'),
    allowCredentials: headers.get('access-control-allow-credentials'),
    exposed: headers.get('access-control-expose-headers')?.split(', ').includes('retry-after'),
    varies: headers.get('vary')?.includes('Origin'),
    isNamed: headers.get('x-request-id') === requestId,
  }
}

const toShort = ({ event, level, code, status }: Record<string, unknown>) => ({
  ...{ event, level, code, status },
})

function expected(code: OutcomeCode) {
  const { status, event } = outcomes[code]
  const level = event === 'fault' ? 'error' : 'warn'
  return {
    status,
    reason: STATUS_CODES[status],
    type: 'application/problem+json',
    code,
    retryAfter: status === 429 || status === 503,
    challenge: status === 401 ? 'Bearer' : undefined,
    allowOrigin: origin,
    allowCredentials: 'true',
    exposed: true,
    varies: true,
    isNamed: true,
    log: [
      ...(event === undefined ? [] : [{ event, level, code, status: undefined }]),
      { event: 'request', level: 'info', code: undefined, status },
    ],
  }
}
