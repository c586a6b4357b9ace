import { expect, test, vi } from 'vitest'

vi.stubEnv(
  'CORS_ORIGINS',
  [
    ...['https://app.example.com', 'https://*.example.org', 'https://my-app-*-team.vercel.app'],
    ...['HTTPS://Upper.Example.com:443', 'http://port.example.com:80', 'https://bücher.example'],
    ...['https://*.straße.example:8443', 'capacitor://localhost'],
  ].join(', '),
)
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
  ['https://my-app-git-main-team.vercel.app', true],
  ['https://my-app-x.y-team.vercel.app', false],
  ['https://my-app--team.vercel.app', false],
  ['https://other-app-x-team.vercel.app', false],
  ['https://my-app-x-team.vercel.app.evil.com', false],
  ['https://upper.example.com', true],
  ['http://port.example.com', true],
  ['https://port.example.com', false],
  ['https://xn--bcher-kva.example', true],
  ['https://a.xn--strae-oqa.example:8443', true],
  ['capacitor://localhost', true],
  ['null', false],
])('%s is an allowed origin: %s', (origin, isAllowed) => {
  const request = new Request('http://localhost', { headers: { origin } })
  expect(allowedOrigin(request)).toBe(isAllowed ? origin : undefined)
})
