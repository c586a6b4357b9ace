import { describe, expect, test } from 'vitest'
import { call } from '#tests/support/api'

describe('X-Request-Id', () => {
  test.each(['a', 'Root=1-67891233-abcdef012345678912345678', 'x'.repeat(128)])(
    'keeps a plain one: %s',
    async (id) => {
      const answer = await call('GET', '/api/tasks', { headers: { 'x-request-id': id } })
      expect(answer.headers.get('x-request-id')).toBe(id)
      expect(answer.problem.instance).toBe(id)
    },
  )

  test.each(['', 'with space', '<script>', '"quoted"', 'x'.repeat(129)])(
    'replaces any other: %s',
    async (id) => {
      const answer = await call('GET', '/health', { headers: { 'x-request-id': id } })
      expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    },
  )

  test('is another for each request', async () => {
    const ids = [await call('GET', '/health'), await call('GET', '/health')].map(({ headers }) =>
      headers.get('x-request-id'),
    )
    expect(new Set(ids).size).toBe(2)
  })
})

describe('Strict-Transport-Security', () => {
  test.each([
    ['https', true],
    ['http', false],
    ['https, http', true],
    ['http, https', false],
    ['https,http', true],
    ['httpsx', false],
  ])('behind a proxy that was asked over %s: %s', async (protocol, isThere) => {
    const answer = await call('GET', '/health', { headers: { 'x-forwarded-proto': protocol } })
    expect(answer.headers.has('strict-transport-security')).toBe(isThere)
  })
})
