import { expect, test } from 'vitest'
import { call } from '#tests/support/api'

test.each([
  ['/health', 'ok'],
  ['/health/live', 'ok'],
  ['/health/ready', 'ready'],
])('%s answers without credentials, and no cache keeps it', async (path, status) => {
  const answer = await call('GET', path)
  expect(answer.status).toBe(200)
  expect(answer.json()).toEqual({ status })
  expect(answer.headers.get('cache-control')).toBe('no-store')
})
