import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { DatabaseError } from '#db/errors'
import { describeError } from '#lib/log'

const fields = { kind: 'internal', transient: false, mayHaveRun: false } as const
const calls = expect.arrayContaining([expect.stringContaining('log.test.ts')])

test('the description of an error keeps its type, code, place and cause', () => {
  const cause = Object.assign(new Error('terminated'), { code: '57P01' })
  const error = new DatabaseError('SQLSTATE 57P01', { ...fields, cause })
  expect(describeError(error)).toMatchObject({
    ...{ type: 'DatabaseError', message: 'SQLSTATE 57P01', stack: calls },
    cause: { message: 'terminated', code: '57P01' },
  })
})

test.each(['22P02', '23505'])('the description of a %s leaves out what a user sent', (code) => {
  // A title may have lines, and the stack repeats the message.
  const message = 'invalid: "private words\nand more private words\n    at work"'
  const detail = 'Failing row contains (private words).'
  const cause = Object.assign(new Error(message), { code, detail, where: 'private words' })
  const described = describeError(new DatabaseError(`SQLSTATE ${code}`, { ...fields, cause }))
  expect(JSON.stringify(described)).not.toMatch(/private words|at work/)
  expect(described).toMatchObject({ cause: { code, stack: calls } })
})

test('the description of an error leaves out the password of a URL', () => {
  for (const password of ['hunter2', 'at@hunter2', 'a:hunter2@']) {
    const error = new Error(`no postgres://owner:${password}@db.example.com/todo`)
    const message = 'no postgres://…@db.example.com/todo'
    expect(describeError(error)).toMatchObject({ message })
  }
})

test('a line has the message of its error as it is described, and nowhere else', () => {
  const program = `const { log } = await import('#lib/log')
    log().error({ event: 'fault', err: new Error('no http://owner:hunter2@example.com/jwks') })`
  const env = { ...process.env, LOG_LEVEL: 'error', NODE_ENV: 'production' } as const
  const parameters = ['--input-type=module', '--eval', program]
  const line = execFileSync(process.execPath, parameters, { env, encoding: 'utf8' })
  expect(line).toContain('no http://…@example.com/jwks')
  expect(line).not.toContain('hunter2')
})

test('what is thrown and no error is described by its type alone', () => {
  expect(describeError('secret words')).toEqual({ type: 'string' })
})

test('a long message without a space holds nobody up', () => {
  const before = process.cpuUsage()
  describeError(new Error('x'.repeat(100_000)))
  expect(process.cpuUsage(before).user).toBeLessThan(1_000_000)
})
