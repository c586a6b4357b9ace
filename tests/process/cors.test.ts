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

const isAllowed = (origin: string) =>
  allowedOrigin(new Request('http://localhost', { headers: { origin } })) === origin

test.each([
  ...['https://app.example.com', 'https://a.example.org', 'https://a-b.example.org'],
  ...['https://my-app-git-main-team.vercel.app', 'https://upper.example.com'],
  ...['http://port.example.com', 'https://xn--bcher-kva.example', 'capacitor://localhost'],
  'https://a.xn--strae-oqa.example:8443',
])('%s is an allowed origin', (origin) => {
  expect(isAllowed(origin)).toBe(true)
})

test.each([
  ...['https://a.b.example.org', 'https://.example.org', 'https://example.org', 'null'],
  ...['http://a.example.org', 'https://a.example.org.evil.com', 'https://evil.com/.example.org'],
  ...['https://app.example.com:8443', 'https://APP.example.com', 'https://port.example.com'],
  ...['https://my-app-x.y-team.vercel.app', 'https://my-app--team.vercel.app'],
  ...['https://other-app-x-team.vercel.app', 'https://my-app-x-team.vercel.app.evil.com'],
])('%s is none', (origin) => {
  expect(isAllowed(origin)).toBe(false)
})
