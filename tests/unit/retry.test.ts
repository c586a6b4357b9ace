import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { DatabaseError, type DatabaseErrorKind } from '#db/errors'
import { type Effect, type RetryOptions, sendWithRetries } from '#db/retry'
import type { Transport } from '#db/transports/transport'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const statements = [{ sql: 'select 1', parameters: [] }]
const defaults: RetryOptions = {
  effect: 'none',
  place: { user: 'alice' },
  deadlineMs: 8000,
  attemptMs: 5000,
}

/** A database that fails every attempt in the same way, after so long. */
function failing(fields: { transient: boolean; mayHaveRun: boolean }, takesMs = 0) {
  /** What each attempt was allowed. */
  const allowed: number[] = []
  const transport: Transport = {
    name: 'postgres',
    async transaction(_, timeoutMs) {
      allowed.push(timeoutMs)
      if (takesMs > 0) vi.advanceTimersByTime(takesMs)
      throw new DatabaseError('gone', { kind: 'unavailable', ...fields })
    },
    sessions: () => {
      throw new Error('nothing migrates here')
    },
    close: async () => {},
  }
  return { transport, allowed }
}

const effects: Effect[] = ['none', 'same again', 'once']
const cases = effects.flatMap((effect) =>
  [true, false].flatMap((transient) =>
    [true, false].map((mayHaveRun) => ({ effect, transient, mayHaveRun })),
  ),
)

test.each(cases)(
  'what has the effect $effect and fails (passing: $transient, in doubt: $mayHaveRun) is sent as often as it may be',
  async ({ effect, transient, mayHaveRun }) => {
    const { transport, allowed } = failing({ transient, mayHaveRun })
    const sent = sendWithRetries(transport, statements, { ...defaults, effect })
    const isInDoubt = effect !== 'none' && mayHaveRun
    await expect(sent).rejects.toMatchObject({ mayHaveRun: isInDoubt, transient })
    const isRepeated = transient && !(effect === 'once' && mayHaveRun)
    expect(allowed).toHaveLength(isRepeated ? 3 : 1)
  },
)

const laterFailures: { kind: DatabaseErrorKind; transient: boolean }[] = [
  { kind: 'unavailable', transient: true },
  { kind: 'unavailable', transient: false },
  { kind: 'overloaded', transient: false },
  { kind: 'rate_limited', transient: false },
  { kind: 'unknown_user', transient: false },
]

test.each(laterFailures)(
  'a create that may have run stays in doubt where the attempt after it changed nothing: $kind (passing: $transient)',
  async (later) => {
    const lost = { kind: 'unavailable', transient: true, mayHaveRun: true } as const
    const failures = [lost, { ...later, mayHaveRun: false }]
    const { transport } = failing(lost)
    const transaction = async () => {
      throw new DatabaseError('gone', failures.shift() ?? { ...later, mayHaveRun: false })
    }
    const options: RetryOptions = { ...defaults, effect: 'same again' }
    const sent = sendWithRetries({ ...transport, transaction }, statements, options)
    await expect(sent).rejects.toMatchObject({ kind: 'unavailable', mayHaveRun: true })
    expect(failures).toEqual([])
  },
)

describe('three attempts', () => {
  test('have pauses between them of 50 ms at least, and of 300 ms at most together', async () => {
    vi.useRealTimers()
    const { transport } = failing({ transient: true, mayHaveRun: false })
    const times: number[] = []
    for (let run = 0; run < 3; run += 1) {
      const startedAt = performance.now()
      await expect(sendWithRetries(transport, statements, defaults)).rejects.toThrow('gone')
      times.push(performance.now() - startedAt)
    }
    // A timer may be a millisecond early, and late by what the machine is busy with.
    expect(Math.min(...times)).toBeGreaterThan(98)
    expect(Math.min(...times)).toBeLessThan(700)
  })

  test('have no more time each than an attempt may have, and than is left of the deadline', async () => {
    const { transport, allowed } = failing({ transient: true, mayHaveRun: false }, 3000)
    await expect(sendWithRetries(transport, statements, defaults)).rejects.toThrow('gone')
    expect(allowed).toEqual([5000, 5000, 2000])
  })

  test('are fewer where the deadline comes first', async () => {
    const { transport, allowed } = failing({ transient: true, mayHaveRun: false }, 4000)
    await expect(sendWithRetries(transport, statements, defaults)).rejects.toThrow('gone')
    expect(allowed).toEqual([5000, 4000])
  })
})
