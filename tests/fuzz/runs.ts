import fc from 'fast-check'

const given = process.env['FUZZ_RUNS']

/** Longer than the runs take; a hang still ends. */
export const timeoutMs = 60_000 + Number(given ?? 0) * 400

/**
 * Tries a property `FUZZ_RUNS` times, or as often as a run of all tests has time for, and says with
 * which seed: `FUZZ_SEED` repeats it.
 */
export async function check<T>(
  name: string,
  property: fc.IAsyncProperty<T>,
  usualRuns: number,
): Promise<void> {
  const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31)
  const numRuns = Number(given ?? usualRuns)
  console.log(`${name}: FUZZ_SEED=${seed} FUZZ_RUNS=${numRuns}`)
  await fc.assert(property, { seed, numRuns })
}
