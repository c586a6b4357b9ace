import { channel } from 'node:diagnostics_channel'
import { afterEach, expect, test, vi } from 'vitest'
import { type Environment, takeEnvironment } from '#tests/support/in-process'
import { testSecret } from '#tests/support/tokens'
import { collect } from '#tests/unit/garbage'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.useRealTimers()
})

async function load(variables: Environment = {}) {
  await takeEnvironment({ BETTER_AUTH_SECRET: testSecret, ...variables })
  const { rememberPeers } = await import('#lib/http/peer')
  rememberPeers()
  return await import('#lib/http/address-limit')
}

/** A request on a connection with this peer, as Node tells of it. */
function requestFrom(peer: string | undefined, headers: Record<string, string> = {}): Request {
  channel('http.server.request.start').publish({ socket: { remoteAddress: peer } })
  return new Request('http://service', { headers })
}

/** What asks as an address. @returns the seconds that it is told to wait, 0 if it is let through */
async function askingWith(requests: number, seconds: number) {
  const { limitAddress } = await load()
  return (address: string) => {
    try {
      limitAddress(requestFrom(address), { requests, seconds })
      return 0
    } catch (error) {
      expect(error).toMatchObject({ status: 429 })
      return Number((error as { headers: Record<string, string> }).headers['retry-after'])
    }
  }
}

const trusted = { TRUSTED_PROXIES: '10.0.0.0/8, 192.0.2.7, fd00::/8' }
test.each([
  [{}, '198.51.100.1', undefined, '198.51.100.1'],
  [{}, '198.51.100.1', '1.2.3.4', '198.51.100.1'],
  [{}, undefined, '1.2.3.4', undefined],
  [trusted, '10.1.2.3', undefined, '10.1.2.3'],
  [trusted, '10.1.2.3', '1.2.3.4', '1.2.3.4'],
  [trusted, '::ffff:10.1.2.3', '1.2.3.4', '1.2.3.4'],
  [trusted, '10.1.2.3', 'made-up, 1.2.3.4, 192.0.2.7', '1.2.3.4'],
  [trusted, '198.51.100.1', '1.2.3.4', '198.51.100.1'],
  [trusted, undefined, '9.9.9.9, 1.2.3.4, 10.0.0.1', undefined],
  // As Azure's Application Gateway writes them, and RFC 7239 writes IPv6.
  [trusted, '10.1.2.3', '9.9.9.9:1, 1.2.3.4:50123, 10.0.0.1:443', '1.2.3.4'],
  [trusted, 'fd00::1', '[2001:db8::5]:50123', '2001:db8:0:0::/64'],
  [trusted, 'fd00::1', '[2001:db8::5]', '2001:db8:0:0::/64'],
  // The other ways to write an address.
  [trusted, 'fd00::1', '2001:0DB8:0001:0002:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
  [{}, '::1', undefined, '0:0:0:0::/64'],
  [{}, '1::', undefined, '1:0:0:0::/64'],
  [{}, 'fe80::1%eth0', undefined, 'fe80:0:0:0::/64'],
  [{}, '::FFFF:c633:6401', undefined, '198.51.100.1'],
])('with %o, peer %s and X-Forwarded-For: %s a client is %s', async (env, peer, sent, expected) => {
  const { clientAddress } = await load(env)
  const headers = sent === undefined ? undefined : { 'x-forwarded-for': sent }
  expect(clientAddress(requestFrom(peer, headers))).toBe(expected)
})

const ofVercel = { 'x-vercel-forwarded-for': '1.2.3.4' }
const forged = { 'x-forwarded-for': '9.9.9.9' }
test.each([
  [{ BUILT_ON_VERCEL: '1' }, '127.0.0.1', { ...forged, ...ofVercel }, '1.2.3.4'],
  [{ BUILT_ON_VERCEL: '1' }, undefined, ofVercel, '1.2.3.4'],
  [{ BUILT_ON_VERCEL: '1' }, '127.0.0.1', forged, undefined],
  // Elsewhere it may have been pulled into an env file.
  [{ VERCEL: '1' }, '198.51.100.1', ofVercel, '198.51.100.1'],
])('with %o, peer %s and the headers %o a client is %s', async (env, peer, headers, expected) => {
  const { clientAddress } = await load(env)
  expect(clientAddress(requestFrom(peer, headers))).toBe(expected)
})

test('an address that used up its quota waits until a request comes back with its share of the window', async () => {
  const waitOf = await askingWith(3, 30)
  vi.useFakeTimers({ toFake: ['Date'], now: 1_900_000_000_000 })
  const several = (count: number) => Array.from({ length: count }, () => waitOf('198.51.100.1'))
  // A refusal costs nothing.
  expect(several(6)).toEqual([0, 0, 0, 10, 10, 10])
  expect(waitOf('198.51.100.2')).toBe(0)
  vi.advanceTimersByTime(9999)
  expect(several(1)).toEqual([1])
  vi.advanceTimersByTime(1)
  expect(several(2)).toEqual([0, 10])
  vi.advanceTimersByTime(3_600_000)
  expect(several(4)).toEqual([0, 0, 0, 10])
})

test('ten thousand addresses are remembered, and the one that was quiet longest is forgotten', async () => {
  const waitOf = await askingWith(1, 3600)
  vi.useFakeTimers({ toFake: ['Date'] })
  const ask = (index: number) => waitOf(`10.0.${index >> 8}.${index & 255}`)
  for (let index = 0; index < 10_000; index += 1) ask(index)
  expect(ask(0)).toBe(3600)
  ask(10_000)
  expect([ask(1), ask(0)]).toEqual([3600, 0])
})

test('what is no address takes no more memory than one', async () => {
  const { limitAddress } = await load(trusted)
  const ask = (sent: string) => {
    limitAddress(requestFrom('10.1.2.3', { 'x-forwarded-for': sent }), { requests: 1, seconds: 60 })
  }
  collect()
  const before = process.memoryUsage().heapUsed
  for (let index = 0; index < 1000; index += 1) ask(`${index}${'x'.repeat(14_000)}`)
  collect()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(4_000_000)
})

test('a clock that is set back refuses nobody until it is where it was', async () => {
  const waitOf = await askingWith(1, 30)
  vi.useFakeTimers({ toFake: ['Date'], now: 1_900_000_000_000 })
  const twice = () => [waitOf('198.51.100.1'), waitOf('198.51.100.1')]
  expect(twice()).toEqual([0, 30])
  vi.setSystemTime(Date.now() - 3_600_000)
  expect(twice()).toEqual([0, 30])
})
