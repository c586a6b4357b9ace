import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toTimestamp } from '#lib/tasks/task'

test('a timestamp is what Date writes for the same millisecond', () => {
  const latest = 8.64e15
  const instant = fc.oneof(
    fc.integer({ min: -latest, max: latest }),
    fc.integer({ min: 0, max: Date.UTC(2100, 0) }),
  )
  const fraction = fc.double({ min: -0.49, max: 0.49, noNaN: true })
  fc.assert(
    fc.property(instant, fraction, (milliseconds, part) => {
      const written = toTimestamp(
        Math.abs(milliseconds) < 1e13 ? milliseconds + part : milliseconds,
      )
      expect(written).toBe(new Date(milliseconds).toISOString())
    }),
    { numRuns: 2000 },
  )
})
