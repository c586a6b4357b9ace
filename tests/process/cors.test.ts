import { expect, test, vi } from 'vitest'

vi.stubEnv('CORS_ORIGINS', 'https://app.example.com, https://*.example.org')
const { allowedOrigin } = await import('#lib/http/cors')

test.each([
  ['https://app.example.com', true],
  ['https://a.example.org', true],
  ['https://a-b.example.org', true],
  ['https://a.b.example.org', false],
  ['https://.example.org', false],
  ['https://example.org', false],
  ['http://a.example.org', false],
  ['https://a.example.org.evil.com', false],
  ['https://evil.com/.example.org', false],
  ['https://app.example.com:8443', false],
  ['https://APP.example.com', false],
  ['null', false],
])('%s is an allowed origin: %s', (origin, isAllowed) => {
  const request = new Request('http://localhost', { headers: { origin } })
  expect(allowedOrigin(request)).toBe(isAllowed ? origin : undefined)
})
