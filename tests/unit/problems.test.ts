import { expect, test } from 'vitest'
import { DatabaseError, type DatabaseErrorKind, toDatabaseError } from '#db/errors'
import { problemAnswer, toProblem } from '#lib/http/errors'

const nothingChanged = 'The database cannot answer now. Nothing was changed. Try again shortly.'
const tooLong =
  'The database did not answer in time. Nothing was changed. Narrow a search, or try again shortly.'
const read = 'The database did not say whether the change was made. Read before you repeat it.'

/** Every kind of error of the database, with the answer to it. */
const answers = {
  unavailable: ['database_unavailable', 503, nothingChanged],
  misconfigured: ['database_unavailable', 503, nothingChanged],
  overloaded: ['overloaded', 503, 'Too many requests at once. Try again shortly.'],
  abandoned: ['request_timeout', 408, 'The client went away before its turn came.'],
  unknown_user: ['account_unknown', 401, 'There is no account for this token.'],
  rate_limited: ['rate_limited', 429, 'Too many requests. Try again in 7 s.'],
  not_isolated: [
    ...(['not_ready', 503] as const),
    'The database does not keep users apart, so it is not served.',
  ],
  unsuitable: [
    ...(['not_ready', 503] as const),
    'The database is not as the service needs it, so it is not served.',
  ],
  internal: ['internal_error', 500, 'Something went wrong on our side. It has been logged.'],
} as const satisfies Record<DatabaseErrorKind, readonly [string, number, string]>

test.each(Object.entries(answers))(
  'an error of the kind %s is answered with %j, and says nothing of its cause',
  (kind, [code, status, detail]) => {
    const fields = { kind: kind as DatabaseErrorKind, transient: false, mayHaveRun: false }
    const cause = new Error('private words')
    const error = new DatabaseError('private words', { ...fields, detail: '7', cause })
    const problem = toProblem(error)
    expect(problem).toMatchObject({ code, status, detail })
    // A request that is over the limit is no news to the operator.
    expect(problem.cause).toBe(kind === 'rate_limited' ? undefined : error)
    const answer = problemAnswer(problem, 'the request')
    expect(answer.status).toBe(status)
    expect(answer.body).not.toContain('private words')
    expect(JSON.parse(String(answer.body))).toMatchObject({
      ...{ code, status, detail, message: detail, instance: 'the request' },
    })
    const { headers = {} } = answer
    expect(headers['content-type']).toBe('application/problem+json')
    const waits = { 429: '7', 503: '2' }[status as number]
    expect(headers['retry-after']).toBe(waits)
    const challenge = 'Bearer error="invalid_token", error_description='
    if (status === 401) expect(headers['www-authenticate']).toContain(challenge)
    else expect(headers['www-authenticate']).toBeUndefined()
    expect(headers['ratelimit']).toBe(status === 429 ? '"user";r=0;t=7' : undefined)
  },
)

test.each(['57014', '25P04'])(
  'where Postgres ended the statements with %s, the answer says that they took too long, and what helps',
  (code) => {
    const error = toDatabaseError(Object.assign(new Error('private words'), { code }), false)
    expect(toProblem(error)).toMatchObject({ code: 'database_unavailable', detail: tooLong })
    const inDoubt = toDatabaseError(error.cause, true)
    expect(toProblem(inDoubt).detail).toBe(read)
  },
)

test('where a write may have been done, the answer says to read', () => {
  const fields = { kind: 'unavailable', transient: true, mayHaveRun: true } as const
  expect(toProblem(new DatabaseError('gone', fields)).detail).toBe(read)
})
