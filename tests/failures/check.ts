import { STATUS_CODES } from 'node:http'
import { expect } from 'vitest'
import { ask, newPerson, origin } from '#tests/failures/requests'
import type { Failure } from '#tests/failures/table'
import { deadlineMs, slackMs, type World } from '#tests/failures/world'
import { linesAbout } from '#tests/support/log-lines'

/** How a request that fails is answered, by the code of its problem, and the event of its line in the log. */
const outcomes = {
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
    const expected = expectedOf(outcome, answer.requestId)
    const lines = () => linesAbout(world.service, answer.requestId)
    const seen = () => ({
      status: answer.status,
      reason: answer.statusText,
      code: /"code":"(\w+)"/.exec(answer.text)?.[1],
      headers: expected.headers.map(([key = '']) => [key, answer.headers.get(key)]),
      log: lines().map(({ event, level, code, status }) => ({ event, level, code, status })),
    })
    // A line of the log may come after its answer.
    await expect.poll(seen, { message: name }).toEqual(expected)
    expect(answer.durationMs, name).toBeLessThan(deadlineMs + slackMs)
    if (says === '') continue
    expect(JSON.stringify(lines()), name).toContain(says)
    expect(answer.text).not.toContain(says)
  }
}

function expectedOf(code: OutcomeCode, requestId: string) {
  const { status, event } = outcomes[code]
  const level = event === 'fault' ? 'error' : 'warn'
  const isLater = status === 429 || status === 503
  return {
    ...{ status, reason: STATUS_CODES[status], code },
    headers: Object.entries({
      'content-type': 'application/problem+json',
      'retry-after': isLater ? expect.stringMatching(/^[1-9]\d*$/) : null,
      'www-authenticate': status === 401 ? expect.stringMatching(/^Bearer\b/) : null,
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': expect.stringMatching(/(?:^|, )retry-after(?:,|$)/),
      vary: expect.stringContaining('Origin'),
      'x-request-id': requestId,
    }),
    log: [
      ...(event === undefined ? [] : [{ event, level, code, status: undefined }]),
      { event: 'request', level: 'info', code: undefined, status },
    ],
  }
}
