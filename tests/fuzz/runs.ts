import fc from 'fast-check'

/** How often each property is tried: `FUZZ_RUNS` for a long run. */
export const runs = Number(process.env['FUZZ_RUNS'] ?? 150)

/** Longer than any run takes; a hang still ends. */
export const timeoutMs = 30_000 + runs * 400

/** Runs a property, and says with which seed: `FUZZ_SEED` repeats it. */
export async function check<T>(name: string, property: fc.IAsyncProperty<T>): Promise<void> {
  const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31)
  console.log(`${name}: FUZZ_SEED=${seed} FUZZ_RUNS=${runs}`)
  await fc.assert(property, { seed, numRuns: runs })
}
