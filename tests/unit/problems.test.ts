import { expect, test } from 'vitest'
import { DatabaseError, type DatabaseErrorKind, toDatabaseError } from '#db/errors'
import { problemAnswer, tooManyRequests, toProblem } from '#lib/http/errors'
import { document } from '#tests/support/document'

const unavailable = 'The database cannot answer now. Nothing was changed. Try again shortly.'

/** Every kind of error of the database, with the answer to it. */
const answers = {
  unavailable: [503, 'database_unavailable', unavailable],
  misconfigured: [503, 'database_unavailable', unavailable],
  overloaded: [503, 'overloaded', 'Too many requests at once. Try again shortly.'],
  abandoned: [408, 'request_timeout', 'The client went away before its turn came.'],
  unknown_user: [401, 'account_unknown', 'There is no account for this token.'],
  rate_limited: [429, 'rate_limited', 'Too many requests. Try again in 7 s.'],
  not_isolated: [503, 'not_ready', 'The database does not keep users apart, so it is not served.'],
  unsuitable: [
    ...([503, 'not_ready'] as const),
    'The database is not as the service needs it, so it is not served.',
  ],
  internal: [500, 'internal_error', 'Something went wrong on our side. It has been logged.'],
} as const satisfies Record<DatabaseErrorKind, readonly [number, string, string]>

test.each(Object.entries(answers))(
  'an error of the kind %s is answered with %j, and says nothing of its cause',
  (kind, [status, code, detail]) => {
    const fields = { kind: kind as DatabaseErrorKind, transient: false, mayHaveRun: false }
    const cause = new Error('private words')
    const error = new DatabaseError('private words', { ...fields, detail: '7', cause })
    const answer = problemAnswer(toProblem(error), 'the request')
    expect(answer.status).toBe(status)
    expect(answer.body).not.toContain('private words')
    expect(JSON.parse(String(answer.body))).toMatchObject({ code, status, detail })
  },
)

test.each(['57014', '25P04'])('a %s says that statements took too long, and what helps', (code) => {
  const ended = Object.assign(new Error('of the tests'), { code })
  expect(toProblem(toDatabaseError(ended, false)).detail).toBe(
    'The database did not answer in time. Nothing was changed. Narrow a search, or try again shortly.',
  )
  expect(toProblem(toDatabaseError(ended, true)).detail).toContain('Read before you repeat it.')
})

test('the document has each member of a 429', () => {
  const { body } = problemAnswer(tooManyRequests('user', 7), 'the request')
  const { Problem } = document.components.schemas
  expect(Problem).toMatchObject({
    properties: Object.fromEntries(
      Object.keys(JSON.parse(String(body))).map((name) => [name, expect.anything()]),
    ),
  })
})
