import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { authenticate, findVerified, rememberVerified } from '#lib/auth/authenticate'
import { tokenFor } from '#tests/support/tokens'

beforeEach(() => {
  vi.useFakeTimers({ now: 1_800_000_000_000 })
})
afterEach(() => {
  vi.useRealTimers()
})

const now = () => Date.now() / 1000
const caller = { userId: 'alice' }

test('a verified token is remembered for a minute', () => {
  rememberVerified('minute', caller, now() + 900)
  vi.advanceTimersByTime(59_000)
  expect(findVerified('minute')).toBe(caller)
  vi.advanceTimersByTime(1000)
  expect(findVerified('minute')).toBeUndefined()
})

test('a verified token is not remembered past its expiry', () => {
  rememberVerified('short', caller, now() + 5)
  vi.advanceTimersByTime(4999)
  expect(findVerified('short')).toBe(caller)
  vi.advanceTimersByTime(1)
  expect(findVerified('short')).toBeUndefined()
})

test('where the clock is set back, a token is verified again: nobody knows how long it was remembered', () => {
  rememberVerified('set back', caller, now() + 900)
  vi.setSystemTime(Date.now() - 3_600_000)
  expect(findVerified('set back')).toBeUndefined()
})

test('a token counts as a whole: one with the same beginning or end is another', () => {
  rememberVerified('header.payload.signature', caller, now() + 900)
  for (const token of [
    'header.payload.signaturf',
    'header.payload.signature ',
    'header.payload.',
  ]) {
    expect(findVerified(token)).toBeUndefined()
  }
})

test('a token is remembered up to 2048 characters', () => {
  for (const [length, found] of [
    [2048, caller],
    [2049, undefined],
  ] as const) {
    const token = 'x'.repeat(length)
    rememberVerified(token, caller, now() + 900)
    expect(findVerified(token)).toBe(found)
  }
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
  rememberVerified('oldest', caller, now() + 900)
  for (let index = 0; index < 9999; index += 1) rememberVerified(`t${index}`, caller, now() + 900)
  expect(findVerified('oldest')).toBe(caller)
  rememberVerified('one more', caller, now() + 900)
  expect(findVerified('oldest')).toBeUndefined()
  expect(findVerified('t0')).toBe(caller)
})
