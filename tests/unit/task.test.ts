import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toTimestamp } from '#lib/tasks/answers'

test('a timestamp is what Date writes for the same millisecond', () => {
  const latest = 8.64e15
  const instant = fc.oneof(
    fc.integer({ min: -latest, max: latest }),
    fc.integer({ min: 0, max: Date.UTC(2100, 0) }),
  )
  fc.assert(
    fc.property(instant, (milliseconds) => {
      expect(toTimestamp(milliseconds)).toBe(new Date(milliseconds).toISOString())
    }),
    { numRuns: 2000 },
  )
})
