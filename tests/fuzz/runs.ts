import fc from 'fast-check'
import { test } from 'vitest'

const given = process.env['FUZZ_RUNS']
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31)
/** Longer than the runs take; a hang still ends. */
const timeout = 60_000 + Number(given ?? 0) * 400

/**
 * Tests a property with `FUZZ_RUNS` random values, or as many as a run of all tests has time for.
 * The title says with which seed: `FUZZ_SEED` repeats it.
 */
export function testProperty<T>(
  title: string,
  usualRuns: number,
  values: fc.Arbitrary<T>,
  holds: (value: T) => Promise<void>,
): void {
  const numRuns = Number(given ?? usualRuns)
  test(`${title} (FUZZ_SEED=${seed} FUZZ_RUNS=${numRuns})`, { timeout }, async () => {
    await fc.assert(fc.asyncProperty(values, holds), { seed, numRuns })
  })
}
