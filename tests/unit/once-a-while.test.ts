import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { onceAWhile } from '#lib/service/once-a-while'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

test.each(['answer', 'failure'])(
  'one %s is shared by all who ask while it is made and for a second after it',
  async (outcome) => {
    let asked = 0
    const ask = onceAWhile(async () => {
      asked += 1
      const number = asked
      // A slow answer is good for the whole second too.
      vi.advanceTimersByTime(5000)
      await Promise.resolve()
      if (outcome === 'failure') throw number
      return number
    }, 1000)
    const told = () => ask().catch((number: unknown) => number)
    expect(await Promise.all([told(), told(), told()])).toEqual([1, 1, 1])
    vi.advanceTimersByTime(999)
    expect(await told()).toBe(1)
    vi.advanceTimersByTime(1)
    expect(await told()).toBe(2)
  },
)
