import { afterAll, beforeAll, expect, test } from 'vitest'
import { sendRaw } from '#tests/support/raw'
import { type Service, startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

let service: Service

beforeAll(async () => {
  service = await startService('next', { DATABASE_URL: 'pglite://' })
})
afterAll(() => service.stop())

test('a body of 11 MB from a browser is 413 with CORS headers', async () => {
  const response = await fetch(`${service.url}/api/tasks`, {
    method: 'POST',
    headers: {
      origin: 'http://localhost:3000',
      authorization: `Bearer ${await tokenFor(newUser())}`,
      'content-type': 'application/json',
    },
    body: `{"title":"x"}${' '.repeat(11_000_000)}`,
  })
  expect(response.status).toBe(413)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(response.headers.get('access-control-allow-origin')).toBe('http://localhost:3000')
})

test('of two Authorization headers Node gives the first, and a bad first one is refused', async () => {
  const good = `Authorization: Bearer ${await tokenFor(newUser())}`
  const bad = 'Authorization: Bearer forged'
  expect(await sendRaw(service.url, ['GET /api/tasks HTTP/1.1', bad, good])).toMatch(
    /^HTTP\/1.1 401 /,
  )
  expect(await sendRaw(service.url, ['GET /api/tasks HTTP/1.1', good, bad])).toMatch(
    /^HTTP\/1.1 200 /,
  )
})

test('a header of 20 KB is refused before it reaches any code', async () => {
  const answer = await sendRaw(service.url, [
    'GET /api/tasks HTTP/1.1',
    `X-Large: ${'x'.repeat(20_000)}`,
  ])
  expect(answer).toMatch(/^HTTP\/1.1 431 /)
})

test('nothing tells which framework answers', async () => {
  for (const path of ['/', '/nope', '/api/tasks']) {
    const { headers } = await fetch(service.url + path)
    expect(headers.get('x-powered-by')).toBeNull()
    expect(headers.get('server')).toBeNull()
  }
})
