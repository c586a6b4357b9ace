import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { authenticate } from '#lib/auth/authenticate'
import { tokenFor } from '#tests/support/tokens'
import { passed } from '#tools/doctor/check'
import { readCredential } from '#tools/doctor/credential'
import { checkJwt } from '#tools/doctor/jwt'

/** A whole second; the clock is at its beginning or at its end. */
const second = 1_900_000_000
/** How many seconds the clocks may be apart, as docs/security.md says. */
const tolerance = 10

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

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
    ['exp', -tolerance + 1, 'accepted'],
    ['exp', -tolerance, 'token_expired'],
    ['nbf', tolerance, 'accepted'],
    ['nbf', tolerance + 1, 'token_invalid'],
    ['iat', tolerance, 'accepted'],
    ['iat', tolerance + 1, 'token_invalid'],
  ])('a token whose %s is %i s from now is %s, and the doctor agrees', async (...row) => {
    const [claim, offset, outcome] = row
    vi.setSystemTime(second * 1000 + milliseconds)
    const token = await tokenFor('anna', { iat: second, [claim]: second + offset })
    expect(await request(token)).toBe(outcome)
    expect(diagnosis(token)).toBe(outcome)
  })
})

test.each([
  ['email', 254],
  ['name', 255],
] as const)('%s is taken with %i characters, else left out', async (claim, most) => {
  const callerWith = async (value: unknown) =>
    (await authenticate(withToken(await tokenFor('anna', { [claim]: value }))))[claim]
  expect(await callerWith('x'.repeat(most))).toBe('x'.repeat(most))
  for (const value of ['x'.repeat(most + 1), '', 7, null, ['a@x.y'], 'a\0b', 'a\ud800']) {
    expect(await callerWith(value)).toBeUndefined()
  }
})
