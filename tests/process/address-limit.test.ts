import { channel } from 'node:diagnostics_channel'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { testSecret } from '#tests/support/tokens'

beforeEach(() => {
  vi.resetModules()
  vi.stubEnv('BETTER_AUTH_SECRET', testSecret)
})
afterEach(() => vi.unstubAllEnvs())

async function load(variables: Record<string, string>) {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
  const { rememberPeers } = await import('#lib/http/peer')
  rememberPeers()
  return await import('#lib/http/address-limit')
}

/** A request on a connection with this peer, as Node tells of it. */
function requestFrom(peer: string | undefined, forwarded?: string, byVercel?: string): Request {
  channel('http.server.request.start').publish({ socket: { remoteAddress: peer } })
  const headers = {
    ...(forwarded !== undefined && { 'x-forwarded-for': forwarded }),
    ...(byVercel !== undefined && { 'x-vercel-forwarded-for': byVercel }),
  }
  return new Request('http://service', { headers })
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
    [trusted, 'fd00::1', '2001:db8::5', '2001:db8:0:0::/64'],
    [trusted, undefined, '9.9.9.9, 1.2.3.4, 10.0.0.1', undefined],
    [trusted, '10.1.2.3', undefined, '10.1.2.3'],
    // As Azure's Application Gateway writes them, and RFC 7239 writes IPv6.
    [trusted, '10.1.2.3', '1.2.3.4:50123', '1.2.3.4'],
    [trusted, '10.1.2.3', '9.9.9.9:1, 1.2.3.4:50123, 10.0.0.1:443', '1.2.3.4'],
    [trusted, '10.1.2.3', '[2001:db8::5]:50123', '2001:db8:0:0::/64'],
    [trusted, '10.1.2.3', '[2001:db8::5]', '2001:db8:0:0::/64'],
  ])('with %o, peer %s and X-Forwarded-For: %s is %s', async (env, peer, forwarded, expected) => {
    const { clientAddress } = await load(env)
    expect(clientAddress(requestFrom(peer, forwarded))).toBe(expected)
  })
})

describe('on Vercel, the address is the one in the header of the platform', () => {
  test.each([
    ['127.0.0.1', '9.9.9.9', '1.2.3.4', '1.2.3.4'],
    [undefined, undefined, '1.2.3.4', '1.2.3.4'],
    ['127.0.0.1', '9.9.9.9', undefined, undefined],
  ])('with peer %s, X-Forwarded-For: %s and its own %s', async (peer, forwarded, own, expected) => {
    const { clientAddress } = await load({ VERCEL: '1' })
    expect(clientAddress(requestFrom(peer, forwarded, own))).toBe(expected)
  })
})

describe('an IPv6 client counts by its /64, and IPv4 in the form of IPv6 as IPv4:', () => {
  test.each([
    ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
    ['::1', '0:0:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::ffff:198.51.100.1', '198.51.100.1'],
    ['::FFFF:c633:6401', '198.51.100.1'],
    ['198.51.100.1', '198.51.100.1'],
    ['unknown', 'unknown'],
  ])('%s as %s', async (address, network) => {
    const { toNetwork } = await import('#lib/http/network')
    expect(toNetwork(address)).toBe(network)
  })

  test('another address of the same network has no quota of its own', async () => {
    const { limitAddress } = await load({})
    limitAddress(requestFrom('2001:db8:1:2::1'), { requests: 1, seconds: 3600 })
    expect(() =>
      limitAddress(requestFrom('2001:db8:1:2::2'), { requests: 1, seconds: 3600 }),
    ).toThrow()
    expect(() =>
      limitAddress(requestFrom('2001:db8:1:3::2'), { requests: 1, seconds: 3600 }),
    ).not.toThrow()
  })
})

test('an address that used up its quota is refused, and another is not', async () => {
  const { limitAddress } = await load({})
  const greedy = () => requestFrom('198.51.100.1')
  for (let times = 0; times < 3; times += 1) limitAddress(greedy(), { requests: 3, seconds: 3600 })
  expect(() => limitAddress(greedy(), { requests: 3, seconds: 3600 })).toThrow(
    expect.objectContaining({
      status: 429,
      headers: { 'retry-after': '1200', ratelimit: '"address";r=0;t=1200' },
    }),
  )
  expect(() =>
    limitAddress(requestFrom('198.51.100.2'), { requests: 1, seconds: 3600 }),
  ).not.toThrow()
})

test('a request comes back with its share of the window, and a refused one costs nothing', async () => {
  const { limitAddress } = await load({})
  vi.useFakeTimers({ toFake: ['Date'], now: 1_900_000_000_000 })
  const passes = () => {
    try {
      limitAddress(requestFrom('198.51.100.1'), { requests: 3, seconds: 30 })
      return true
    } catch {
      return false
    }
  }
  expect(Array.from({ length: 9 }, passes)).toEqual([
    ...Array(3).fill(true),
    ...Array(6).fill(false),
  ])
  vi.advanceTimersByTime(9999)
  expect(passes()).toBe(false)
  vi.advanceTimersByTime(1)
  expect([passes(), passes()]).toEqual([true, false])
  vi.advanceTimersByTime(3_600_000)
  expect(Array.from({ length: 4 }, passes)).toEqual([true, true, true, false])
  vi.useRealTimers()
})

test('ten thousand addresses are remembered, and the one that was quiet longest is forgotten', async () => {
  const { limitAddress } = await load({})
  const ask = (index: number) =>
    limitAddress(requestFrom(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`), {
      requests: 1,
      seconds: 3600,
    })
  for (let index = 0; index < 10_000; index += 1) ask(index)
  expect(() => ask(0)).toThrow()
  ask(10_000)
  expect(() => ask(1)).toThrow()
  expect(() => ask(0)).not.toThrow()
})

test('a clock that is set back refuses nobody until it is where it was', async () => {
  const { limitAddress } = await load({})
  vi.useFakeTimers({ toFake: ['Date'], now: 1_900_000_000_000 })
  const ask = () => limitAddress(requestFrom('198.51.100.1'), { requests: 1, seconds: 30 })
  ask()
  expect(ask).toThrow()
  vi.setSystemTime(Date.now() - 3_600_000)
  expect(ask).not.toThrow()
  expect(ask).toThrow()
})
