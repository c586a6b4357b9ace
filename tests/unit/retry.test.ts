import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { DatabaseError, type DatabaseErrorKind } from '#db/errors'
import { type Effect, type RetryOptions, sendWithRetries } from '#db/retry'
import type { Transport } from '#db/transports/transport'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

interface Failure {
  readonly kind?: DatabaseErrorKind
  readonly transient: boolean
  readonly mayHaveRun?: boolean
}

/** A database that fails one attempt after another so, the last way again and again. */
function failing(failures: readonly Failure[], takesMs = 0) {
  /** What each attempt was allowed. */
  const allowed: number[] = []
  const transport: Transport = {
    name: 'postgres',
    async transaction(_, timeoutMs) {
      const failure = failures[allowed.length] ?? failures.at(-1)
      allowed.push(timeoutMs)
      if (takesMs > 0) vi.advanceTimersByTime(takesMs)
      const usual = { kind: 'unavailable', transient: false, mayHaveRun: false } as const
      throw new DatabaseError('gone', { ...usual, ...failure })
    },
    sessions: () => {
      throw new Error('nothing migrates here')
    },
    close: async () => {},
  }
  const send = (options: Partial<RetryOptions> = {}) =>
    sendWithRetries(transport, [{ sql: 'select 1', parameters: [] }], {
      ...{ effect: 'none', place: { user: 'alice' }, deadlineMs: 8000, attemptMs: 5000 },
      ...options,
    })
  return { send, allowed }
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
    const { send, allowed } = failing([{ transient, mayHaveRun }])
    const isInDoubt = effect !== 'none' && mayHaveRun
    await expect(send({ effect })).rejects.toMatchObject({ mayHaveRun: isInDoubt, transient })
    const isRepeated = transient && !(effect === 'once' && mayHaveRun)
    expect(allowed).toHaveLength(isRepeated ? 3 : 1)
  },
)

test.each<Failure>([
  { kind: 'unavailable', transient: true },
  { kind: 'unavailable', transient: false },
  { kind: 'overloaded', transient: false },
  { kind: 'rate_limited', transient: false },
])('a create in doubt stays so where its next attempt is $kind ($transient)', async (later) => {
  const { send, allowed } = failing([{ transient: true, mayHaveRun: true }, later])
  const inDoubt = { kind: 'unavailable', mayHaveRun: true }
  await expect(send({ effect: 'same again' })).rejects.toMatchObject(inDoubt)
  expect(allowed).toHaveLength(later.transient ? 3 : 2)
})

describe('three attempts', () => {
  test('have pauses between them of 50 ms at least, and of 300 ms at most together', async () => {
    vi.useRealTimers()
    const times: number[] = []
    for (let run = 0; run < 3; run += 1) {
      const startedAt = performance.now()
      await expect(failing([{ transient: true }]).send()).rejects.toThrow('gone')
      times.push(performance.now() - startedAt)
    }
    // A timer may be a millisecond early, and late by what the machine is busy with.
    expect(Math.min(...times)).toBeGreaterThan(98)
    expect(Math.min(...times)).toBeLessThan(700)
  })

  test.each([
    ['no more time each than an attempt may have, and than is left', 3000, [5000, 5000, 2000]],
    ['no other after the deadline', 4000, [5000, 4000]],
  ])('have %s', async (_, takesMs, allowedMs) => {
    const { send, allowed } = failing([{ transient: true }], takesMs)
    await expect(send()).rejects.toThrow('gone')
    expect(allowed).toEqual(allowedMs)
  })
})
