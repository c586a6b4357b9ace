import { describe, expect, test } from 'vitest'
import { call } from '#tests/support/api'

describe('X-Request-Id', () => {
  const answerTo = (id: string) => call('GET', '/api/tasks', { headers: { 'x-request-id': id } })

  const plain = ['a', 'Root=1-67891233-abcdef012345678912345678', 'x'.repeat(128)]
  test.each(plain)('keeps a plain one: %s', async (id) => {
    const { headers, problem } = await answerTo(id)
    expect([headers.get('x-request-id'), problem.instance]).toEqual([id, id])
  })

  const odd = ['', 'with space', '<script>', '"quoted"', 'x'.repeat(129)]
  test.each(odd)('has another in place of %s, and for each request', async (id) => {
    const [one, other] = [await answerTo(id), await answerTo(id)]
    expect(one.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    expect(other.headers.get('x-request-id')).not.toBe(one.headers.get('x-request-id'))
  })
})

test.each([
  ['https', true],
  ['http', false],
  ['https, http', true],
  ['http, https', false],
  ['https,http', true],
  ['httpsx', false],
])('Strict-Transport-Security is behind a proxy that was asked over %s: %s', async (...row) => {
  const [protocol, isThere] = row
  const answer = await call('GET', '/health', { headers: { 'x-forwarded-proto': protocol } })
  expect(answer.headers.has('strict-transport-security')).toBe(isThere)
})
