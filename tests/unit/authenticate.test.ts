import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { setLatest } from '#db/remembered'
import { findVerified, rememberVerified } from '#lib/auth/authenticate'
import { collect } from '#tests/unit/garbage'

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

test.each([
  [2048, caller],
  [2049, undefined],
])('a token of %i characters is remembered as %j', (length, found) => {
  const token = 'x'.repeat(length)
  remember(token)
  expect(findVerified(token)).toBe(found)
})

test('what is remembered of a long header keeps nothing of the rest in memory', () => {
  const remembered = new Map<string, number>()
  collect()
  const before = process.memoryUsage().heapUsed
  for (let index = 0; index < 1000; index += 1) {
    const header = `Bearer${' '.repeat(16_000)}${index}.${'x'.repeat(100)}`
    const [, token = ''] = /^Bearer +(.*)$/.exec(header) ?? []
    setLatest(remembered, token, index, 1000)
  }
  collect()
  expect(remembered.size).toBe(1000)
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(4_000_000)
})

test('ten thousand tokens are remembered, and the oldest is forgotten for one more', () => {
  remember('oldest')
  for (let index = 0; index < 9999; index += 1) remember(`t${index}`)
  expect(findVerified('oldest')).toBe(caller)
  remember('one more')
  expect(findVerified('oldest')).toBeUndefined()
  expect(findVerified('t0')).toBe(caller)
})
