import { expect, test } from 'vitest'
import { DatabaseError } from '#db/errors'
import { describeError } from '#lib/log'

test('the description of an error keeps its type, code, place and cause', () => {
  const cause = Object.assign(new Error('terminated'), { code: '57P01' })
  const error = new DatabaseError('SQLSTATE 57P01', {
    kind: 'unavailable',
    transient: true,
    mayHaveRun: true,
    cause,
  })
  expect(describeError(error)).toMatchObject({
    type: 'DatabaseError',
    message: 'SQLSTATE 57P01',
    stack: expect.arrayContaining([expect.stringContaining('log.test.ts')]),
    cause: { message: 'terminated', code: '57P01' },
  })
})

test.each(['22P02', '22001', '23502', '23503', '23505', '23514'])(
  'the description of an error with SQLSTATE %s leaves out what a user sent',
  (code) => {
    // A title may have lines, and the stack repeats the message.
    const message = 'invalid: "private words\nand more private words\n    at work"'
    const error = Object.assign(new Error(message), {
      ...{ code, detail: 'Failing row contains (private words).', where: 'private words' },
    })
    const outer = new DatabaseError(`SQLSTATE ${code}`, {
      ...{ kind: 'internal', transient: false, mayHaveRun: false, cause: error },
    })
    for (const described of [describeError(error), describeError(outer)]) {
      expect(JSON.stringify(described)).not.toContain('private words')
      expect(JSON.stringify(described)).not.toContain('at work')
      expect(JSON.stringify(described)).toContain(code)
      expect(JSON.stringify(described)).toContain('log.test.ts')
    }
  },
)

test.each(['hunter2', 'at@hunter2', 'a:hunter2@'])(
  'the description of an error leaves out the password of a URL: %s',
  (password) => {
    const error = new Error(`cannot connect to postgres://owner:${password}@db.example.com/todo`)
    expect(describeError(error)).toMatchObject({
      message: 'cannot connect to postgres://…@db.example.com/todo',
    })
  },
)

test('what is thrown and no error is described by its type alone', () => {
  expect(describeError('secret words')).toEqual({ type: 'string' })
})
