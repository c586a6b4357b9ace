import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { DatabaseError, type DatabaseErrorKind } from '#db/errors'
import { type Permit, Permits } from '#db/rate-limit'

const quota = { requests: 600, seconds: 60 }
let permits: Permits
let told: Permit[]

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
  permits = new Permits()
  told = []
})
afterEach(() => void vi.useRealTimers())

/** Sends a request. @param send gets how many permits the transaction takes at most */
const count = (user: string, send: (most: number) => Promise<string>) =>
  permits.count(user, { quota, onPermit: (permit) => told.push(permit) }, async (most) => [
    [],
    [{ permit: await send(most) }],
  ])

const failure = (
  kind: DatabaseErrorKind,
  more: { transient?: boolean; mayHaveRun?: boolean; detail?: string; cause?: Error } = {},
) => new DatabaseError('A failure.', { kind, transient: false, mayHaveRun: false, ...more })

/** Sends a request as the database would answer it. @returns how many permits it took at most */
async function take(user: string): Promise<number> {
  let asked = 0
  await count(user, async (most) => {
    asked = most
    return most > 1 ? '598 1 37 3900' : '599 1'
  })
  return asked
}

/** Uses all spare permits up. @returns how many there were */
async function useUp(user: string): Promise<number> {
  for (let used = 0; used <= 1000; used += 1) {
    let asked = 0
    await count(user, async (most) => {
      asked = most
      if (most > 0) throw new Error('There is none.')
      return ''
    }).catch(() => undefined)
    if (asked > 0) return used
  }
  throw new Error(`${user} has no end of spare permits.`)
}

test('a user’s first request takes one permit, the next one within ten seconds takes spare ones', async () => {
  expect(await take('alice')).toBe(1)
  vi.advanceTimersByTime(9900)
  expect(await take('alice')).toBe(101)
  expect(await take('alice')).toBe(0)
  expect(await take('bob')).toBe(1)
  vi.advanceTimersByTime(10_100)
  expect(await take('bob')).toBe(1)
  expect(await take('bob')).toBe(101)
})

test('of requests at once one takes spare permits, which the others leave alone', async () => {
  await take('alice')
  const answer = Promise.withResolvers<string>()
  const bringing = count('alice', () => answer.promise)
  expect(await take('alice')).toBe(1)
  expect(await take('alice')).toBe(1)
  answer.resolve('500 11 30 14100')
  await bringing
  expect(await useUp('alice')).toBe(30)
})

test('a limit that gives a permit back every ten seconds at most is counted one by one', async () => {
  const asked: number[] = []
  for (const _ of 'many') {
    const limit = { quota: { requests: 100, seconds: 1001 }, onPermit: () => {} }
    await permits.count('alice', limit, async (most) => {
      asked.push(most)
      return [[], [{ permit: '99 1' }]]
    })
  }
  expect(asked).toEqual([1, 1, 1, 1])
})

test.each([
  ['unavailable', 30],
  ['internal', 29],
] as const)(
  'a request that fails as %s is sent once, and %i of 30 spare permits are left that came meanwhile',
  async (kind, left) => {
    await take('alice')
    const bringing = count('alice', async () => '500 11 30 14100')
    const fault = failure(kind)
    const asked: number[] = []
    const failing = count('alice', async (most) => {
      asked.push(most)
      await bringing
      throw fault
    })
    await expect(failing).rejects.toBe(fault)
    expect(asked).toEqual([1])
    expect(await useUp('alice')).toBe(left)
  },
)

test('where a request for spare permits fails, the next one asks for them', async () => {
  await take('alice')
  await expect(count('alice', () => Promise.reject(new Error('Lost.')))).rejects.toThrow('Lost.')
  expect(await take('alice')).toBe(101)
})

describe('spare permits', () => {
  beforeEach(async () => {
    await take('alice')
    await take('alice')
  })

  test.each([
    ['given back where the database failed', failure('unavailable'), 37, 0],
    ['spent where a write may have been done', failure('unavailable', { mayHaveRun: true }), 36, 0],
    ['spent where the failure is the user’s doing', failure('internal'), 36, 1],
  ])('are %s', async (_, fault, left, toldOf) => {
    told = []
    await expect(count('alice', () => Promise.reject(fault))).rejects.toBe(fault)
    expect(told).toHaveLength(toldOf)
    expect(await useUp('alice')).toBe(left)
  })

  test('are gone as their share of the window passes, since the database gives it back', async () => {
    // The two that were used before them come first.
    vi.advanceTimersByTime(1250)
    expect(await useUp('alice')).toBe(37 - 11)
    expect(await take('alice')).toBe(101)
    vi.advanceTimersByTime(3900)
    expect(await useUp('alice')).toBe(0)
  })

  test('are gone after ten seconds, however deep in debt the user is', async () => {
    await useUp('alice')
    await count('alice', async () => '300 30 20 32000')
    vi.advanceTimersByTime(9900)
    await take('alice')
    expect(told.at(-1)).toEqual({ remaining: 398, resetSeconds: 21 })
    vi.advanceTimersByTime(200)
    expect(await useUp('alice')).toBe(0)
  })

  test.each([
    ['a function that was frozen, whose other clock stood still', 0, 5000],
    ['time although the clock on the wall is set back', 5000, -3_600_000],
  ])('are gone in %s', async (_, passedMs, setMs) => {
    vi.advanceTimersByTime(passedMs)
    vi.setSystemTime(Date.now() + setMs)
    expect(await useUp('alice')).toBe(0)
  })
})

describe('a user who was refused', () => {
  const refusedFor = (waitMs: number) => {
    const cause = Object.assign(new Error('rate limited'), { hint: String(waitMs) })
    return failure('rate_limited', { detail: '1', cause })
  }

  /** Asks as a user whom the database refuses. @returns whether it was asked, and the answer */
  async function refuse(user: string, waitMs: number) {
    let isAsked = false
    const answer = await count(user, () => {
      isAsked = true
      return Promise.reject(refusedFor(waitMs))
    }).catch(({ kind, detail }) => ({ kind, detail }))
    return { isAsked, answer }
  }
  const refusal = { kind: 'rate_limited', detail: '1' }

  test('is refused without the database, and nobody else is', async () => {
    expect(await refuse('alice', 83)).toEqual({ isAsked: true, answer: refusal })
    expect(await refuse('alice', 83)).toEqual({ isAsked: false, answer: refusal })
    expect(await refuse('bob', 83)).toEqual({ isAsked: true, answer: refusal })
  })

  test('is told how long a permit takes, although it is remembered for ten seconds only', async () => {
    await refuse('alice', 86_400_000)
    vi.advanceTimersByTime(3000)
    const answer = { kind: 'rate_limited', detail: '86397' }
    expect(await refuse('alice', 86_400_000)).toEqual({ isAsked: false, answer })
  })

  test.each([
    ['once a permit is back', 83, 83, 0],
    ['after ten seconds, since an administrator may have given permits back', 1e8, 10_000, 0],
    ['where the clock is set back meanwhile', 9500, 9500, 4000],
    ['where the clock is set back a second after', 9500, 10_500, 10_000],
    ['where the clock is set back 50 s after', 9500, 59_500, 59_000],
  ])('asks again %s, and not before', async (_, waitMs, passedMs, setBackMs) => {
    await refuse('alice', waitMs)
    vi.advanceTimersByTime(Math.min(waitMs, passedMs) - 1)
    expect((await refuse('alice', waitMs)).isAsked).toBe(false)
    vi.advanceTimersByTime(passedMs - Math.min(waitMs, passedMs) + 1)
    vi.setSystemTime(Date.now() - setBackMs)
    expect(await take('alice')).toBe(1)
  })

  test('asks again where nobody knows how long: the clock is set back, or the database does not say', async () => {
    await refuse('alice', 83)
    vi.setSystemTime(Date.now() - 3_600_000)
    expect((await refuse('alice', Number.NaN)).isAsked).toBe(true)
    expect((await refuse('alice', 83)).isAsked).toBe(true)
  })

  test('asks with one request for each permit that comes back, however many it sends', async () => {
    await refuse('alice', 83)
    vi.advanceTimersByTime(83)
    expect(await take('alice')).toBe(1)
    vi.advanceTimersByTime(99)
    expect((await refuse('alice', 83)).isAsked).toBe(false)
    vi.advanceTimersByTime(1)
    expect((await refuse('alice', 83)).isAsked).toBe(true)
  })

  test('has all permits that have come back while it was quiet', async () => {
    await refuse('alice', 83)
    vi.advanceTimersByTime(83 + 100)
    for (const _ of 'many') expect((await refuse('alice', 0)).isAsked).toBe(true)
  })

  test('loses nothing where the one that asked fails', async () => {
    await refuse('alice', 83)
    vi.advanceTimersByTime(83)
    await expect(count('alice', () => Promise.reject(new Error('Lost.')))).rejects.toThrow('Lost.')
    expect(await take('alice')).toBe(1)
  })

  test('spends the spare permits that another request has brought meanwhile', async () => {
    await take('alice')
    const bringing = count('alice', async () => '500 11 30 14100')
    const asked: number[] = []
    await count('alice', async (most) => {
      asked.push(most)
      await bringing
      if (most > 0) throw refusedFor(83)
      return ''
    })
    expect(asked).toEqual([1, 0])
    expect(await take('alice')).toBe(0)
  })
})

test('ten thousand users are remembered, those who were quiet longest are forgotten first', async () => {
  for (let user = 0; user <= 10_000; user += 1) await take(`user ${user}`)
  expect(await take('user 10000')).toBe(101)
  expect(await take('user 1')).toBe(101)
  expect(await take('user 0')).toBe(1)
})
