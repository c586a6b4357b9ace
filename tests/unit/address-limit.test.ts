import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { testSecret } from '#tests/support/secret'

beforeEach(() => {
  vi.resetModules()
  vi.stubEnv('BETTER_AUTH_SECRET', testSecret)
})
afterEach(() => vi.unstubAllEnvs())

async function load(variables: Record<string, string>) {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
  return await import('#lib/http/address-limit')
}

/** A request as the Node host hands it on (with the peer), or as Next does (without). */
function requestFrom(peer: string | undefined, forwarded?: string): Request {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
  return Object.assign(new Request('http://service', { headers }), peer && { ip: peer })
}

describe('the address of a client', () => {
  const trusted = { TRUSTED_PROXIES: '10.0.0.0/8, 192.0.2.7, fd00::/8' }
  test.each([
    [{}, '198.51.100.1', undefined, '198.51.100.1'],
    [{}, '198.51.100.1', '1.2.3.4', '198.51.100.1'],
    [{}, undefined, '1.2.3.4', undefined],
    [trusted, '10.1.2.3', '1.2.3.4', '1.2.3.4'],
    [trusted, '::ffff:10.1.2.3', '1.2.3.4', '1.2.3.4'],
    [trusted, '10.1.2.3', 'made-up, 1.2.3.4, 192.0.2.7', '1.2.3.4'],
    [trusted, '198.51.100.1', '1.2.3.4', '198.51.100.1'],
    [trusted, 'fd00::1', '2001:db8::5', '2001:db8::5'],
    [trusted, undefined, '9.9.9.9, 1.2.3.4, 10.0.0.1', '1.2.3.4'],
    [trusted, '10.1.2.3', undefined, '10.1.2.3'],
  ])('with %o, peer %s and X-Forwarded-For: %s is %s', async (env, peer, forwarded, expected) => {
    const { clientAddress } = await load(env)
    expect(clientAddress(requestFrom(peer, forwarded))).toBe(expected)
  })
})

test('an address that used up its quota is refused, and another is not', async () => {
  const { limitAddress } = await load({ RATE_LIMIT_ADDRESS: '3/3600' })
  const greedy = requestFrom('198.51.100.1')
  for (let times = 0; times < 3; times += 1) limitAddress(greedy)
  expect(() => limitAddress(greedy)).toThrow(
    expect.objectContaining({
      status: 429,
      headers: { 'retry-after': '1200', ratelimit: '"address";r=0;t=1200' },
    }),
  )
  expect(() => limitAddress(requestFrom('198.51.100.2'))).not.toThrow()
})

test('a spoofed header does not give a new quota', async () => {
  const { limitAddress } = await load({ RATE_LIMIT_ADDRESS: '1/3600' })
  limitAddress(requestFrom('198.51.100.1', '1.1.1.1'))
  expect(() => limitAddress(requestFrom('198.51.100.1', '2.2.2.2'))).toThrow()
})
