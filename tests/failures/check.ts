import { expect } from 'vitest'
import { type Outcome, outcomes } from '#tests/failures/outcomes'
import { ask, newPeople, origin, type RequestName, type Seen } from '#tests/failures/requests'
import type { Failure } from '#tests/failures/table'
import { deadlineMs, slackMs, type World } from '#tests/failures/world'
import { linesAbout } from '#tests/support/log-lines'

/** Makes a failure happen, asks, mends it, and compares every answer with the failure's outcome. */
export async function checkFailure(world: World, failure: Failure): Promise<void> {
  const people = await newPeople(world, failure.requests.length)
  const asked = failure.requests.map((name, index) => ({ name, person: people[index] }))
  const mend = await failure.provoke(world, people)
  let answers: [RequestName, Seen][] = []
  try {
    answers = await Promise.all(
      asked.map(async ({ name, person }): Promise<[RequestName, Seen]> => {
        if (person === undefined) throw new Error('Nobody asks.')
        return [name, await ask(world, name, person)]
      }),
    )
  } finally {
    await mend()
  }
  const outcome = outcomes[failure.outcome]
  const seen = answers.map(([name, answer]) => toRow(world, name, answer))
  // A line of the log may come after its answer.
  await expect
    .poll(() => answers.map(([name, answer]) => toRow(world, name, answer)))
    .toEqual(seen.map(({ request }) => expectedRow(request, outcome)))
  for (const [name, answer] of answers) {
    expect(answer.durationMs, name).toBeLessThan(deadlineMs + slackMs)
    if (failure.says === undefined) continue
    expect(JSON.stringify(linesAbout(world.service, answer.requestId)), name).toContain(
      failure.says,
    )
    expect(answer.text).not.toContain(failure.says)
  }
}

/** An answer and its lines of the log as a row of the table. */
function toRow(world: World, request: RequestName, answer: Seen) {
  const { status, reason, headers, text } = answer
  const type = headers.get('content-type')
  return {
    request,
    status,
    reason,
    type,
    code: type === 'application/problem+json' ? JSON.parse(text).code : text,
    retryAfter: /^[1-9]\d*$/.test(headers.get('retry-after') ?? ''),
    challenge: headers.get('www-authenticate')?.split(' ')[0],
    allowOrigin: headers.get('access-control-allow-origin'),
    allowCredentials: headers.get('access-control-allow-credentials'),
    exposed: (headers.get('access-control-expose-headers') ?? '')
      .split(', ')
      .includes('retry-after'),
    varies: headers.get('vary')?.includes('Origin'),
    requestId: headers.get('x-request-id') === answer.requestId,
    log: linesAbout(world.service, answer.requestId).map(({ event, level, code, status }) => ({
      ...{ event, level, code, status },
    })),
  }
}

function expectedRow(request: RequestName, { status, reason, code, retryAfter, event }: Outcome) {
  return {
    request,
    status,
    reason,
    type: 'application/problem+json',
    code,
    retryAfter,
    challenge: status === 401 ? 'Bearer' : undefined,
    allowOrigin: origin,
    allowCredentials: 'true',
    exposed: true,
    varies: true,
    requestId: true,
    log: [
      ...(event === undefined
        ? []
        : [{ event, level: event === 'fault' ? 'error' : 'warn', code, status: undefined }]),
      { event: 'request', level: 'info', code: undefined, status },
    ],
  }
}
