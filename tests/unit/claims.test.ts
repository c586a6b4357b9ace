import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { authenticate } from '#lib/auth/authenticate'
import { toleranceSeconds } from '#lib/auth/jwt'
import { forge, hmac } from '#tests/support/forgery'
import { tokenFor } from '#tests/support/tokens'
import { passed } from '#tools/doctor/check'
import { readCredential } from '#tools/doctor/credential'
import { checkJwt } from '#tools/doctor/jwt'

/** A whole second; the clock is at its beginning or at its end. */
const second = 1_900_000_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const withToken = (token: string) =>
  new Request('http://service/api/tasks', { headers: { authorization: `Bearer ${token}` } })

/** What becomes of a request with a token. */
const request = (token: string) =>
  authenticate(withToken(token)).then(
    () => 'accepted',
    ({ code }) => code,
  )

/** What the doctor says of the times in a token. */
function diagnosis(token: string): string {
  const credential = readCredential(token)
  if (credential.kind !== 'JWT') throw new Error('It is no JWT.')
  const keys = { check: passed('keys', 'not needed') }
  const checks = checkJwt(credential, keys, { url: undefined, setting: '' })
  const { ok, found } = checks.find(({ name }) => name === 'expiry') ?? {}
  if (ok === true) return 'accepted'
  return found?.startsWith('expired') ? 'token_expired' : 'token_invalid'
}

describe.each([
  ['at the beginning of a second', 0],
  ['at its end', 999],
])('%s', (_, milliseconds) => {
  test.each([
    ['exp', -toleranceSeconds + 1, 'accepted'],
    ['exp', -toleranceSeconds, 'token_expired'],
    ['nbf', toleranceSeconds, 'accepted'],
    ['nbf', toleranceSeconds + 1, 'token_invalid'],
    ['iat', toleranceSeconds, 'accepted'],
    ['iat', toleranceSeconds + 1, 'token_invalid'],
  ])('a token whose %s is %i s from now is %s, and the doctor agrees', async (...row) => {
    const [claim, offset, outcome] = row
    vi.setSystemTime(second * 1000 + milliseconds)
    const token = await tokenFor('anna', { iat: second, [claim]: second + offset })
    expect(await request(token)).toBe(outcome)
    expect(diagnosis(token)).toBe(outcome)
  })
})

test('the clocks may be ten seconds apart, as docs/security.md says', () => {
  expect(toleranceSeconds).toBe(10)
})

test('a token may be good until the end of the year 9999', async () => {
  const end = Date.UTC(9999, 11, 31) / 1000
  expect(await request(await tokenFor('anna', { exp: end }))).toBe('accepted')
  expect(await request(await tokenFor('anna', { exp: end + 1 }))).toBe('token_invalid')
})

test.each([undefined, 'JWT', 'jwt', 'Jwt'])('the type %s of a token is one', async (typ) => {
  const header = { alg: 'HS256', ...(typ !== undefined && { typ }) }
  const claims = { sub: 'anna', exp: Math.floor(Date.now() / 1000) + 900, typ }
  expect(await request(forge(header, claims, hmac()))).toBe('accepted')
})

test.each([
  ['email', 254],
  ['name', 255],
] as const)(
  '%s is taken with %i characters, and left out where it cannot be stored',
  async (claim, most) => {
    const callerWith = async (value: unknown) =>
      (await authenticate(withToken(await tokenFor('anna', { [claim]: value }))))[claim]
    expect(await callerWith('x'.repeat(most))).toBe('x'.repeat(most))
    for (const value of ['x'.repeat(most + 1), '', 7, null, ['a@x.y'], 'a\0b', 'a\ud800']) {
      expect(await callerWith(value)).toBeUndefined()
    }
  },
)

test.each([
  ['x', 255],
  ['🎉', 255],
  ['é', 255],
])('a subject of 255 times %s is a user, and one of another more is none', async (each, most) => {
  expect(await request(await tokenFor(each.repeat(most)))).toBe('accepted')
  expect(await request(await tokenFor(each.repeat(most + 1)))).toBe('token_invalid')
})
