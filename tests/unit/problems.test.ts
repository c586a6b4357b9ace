import { expect, test } from 'vitest'
import { DatabaseError, toDatabaseError } from '#db/errors'
import { problemAnswer, tooManyRequests, toProblem } from '#lib/http/errors'
import { document } from '#tests/support/document'

// How the others are answered is told by `tests/failures/table.ts` and `tests/database/sql-states.test.ts`.
test.each([
  ['overloaded', 503, 'overloaded'],
  ['abandoned', 408, 'request_timeout'],
] as const)('an error of the kind %s is a %i %s, without its cause', (kind, status, code) => {
  const error = new DatabaseError('private words', { kind, transient: false, mayHaveRun: false })
  const { body } = problemAnswer(toProblem(error), 'the request')
  expect(body).not.toContain('private words')
  expect(JSON.parse(String(body))).toMatchObject({ code, status })
})

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
