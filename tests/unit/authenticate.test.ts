import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { authenticate, findVerified, rememberVerified } from '#lib/auth/authenticate'
import { tokenFor } from '#tests/support/tokens'

beforeEach(() => void vi.useFakeTimers({ now: 1_800_000_000_000 }))
afterEach(() => void vi.useRealTimers())

const caller = { userId: 'alice' }

function remember(token: string, expiresInSeconds = 900) {
  rememberVerified(token, caller, Date.now() / 1000 + expiresInSeconds)
}

test.each([
  ['for a minute', 900, 60],
  ['not past its expiry', 5, 5],
])('a verified token is remembered %s', (token, expiresInSeconds, rememberedSeconds) => {
  remember(token, expiresInSeconds)
  vi.advanceTimersByTime(rememberedSeconds * 1000 - 1)
  expect(findVerified(token)).toBe(caller)
  vi.advanceTimersByTime(1)
  expect(findVerified(token)).toBeUndefined()
})

test('where the clock is set back, a token is verified again: nobody knows how long it was remembered', () => {
  remember('set back')
  vi.setSystemTime(Date.now() - 3_600_000)
  expect(findVerified('set back')).toBeUndefined()
})

test('a token counts as a whole: one with the same beginning or end is another', () => {
  remember('header.payload.signature')
  for (const token of [
    'header.payload.signaturf',
    'header.payload.signature ',
    'header.payload.',
  ]) {
    expect(findVerified(token)).toBeUndefined()
  }
})

test.each([
  [2048, caller],
  [2049, undefined],
])('a token of %i characters is remembered as %j', (length, found) => {
  const token = 'x'.repeat(length)
  remember(token)
  expect(findVerified(token)).toBe(found)
})

test('a token is not remembered where spaces make its header long, which would stay in memory too', async () => {
  for (const spaces of [1, 2000]) {
    const token = await tokenFor('alice', { spaces })
    const authorization = `Bearer${' '.repeat(spaces)}${token}`
    const request = new Request('http://service/api/tasks', { headers: { authorization } })
    expect(await authenticate(request)).toMatchObject(caller)
    expect(findVerified(token) !== undefined).toBe(spaces === 1)
  }
})

test('ten thousand tokens are remembered, and the oldest is forgotten for one more', () => {
  remember('oldest')
  for (let index = 0; index < 9999; index += 1) remember(`t${index}`)
  expect(findVerified('oldest')).toBe(caller)
  remember('one more')
  expect(findVerified('oldest')).toBeUndefined()
  expect(findVerified('t0')).toBe(caller)
})
