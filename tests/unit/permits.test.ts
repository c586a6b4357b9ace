import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { DatabaseError, type DatabaseErrorKind } from '#db/errors'
import { type Permit, Permits } from '#db/rate-limit'

const usual = { requests: 600, seconds: 60 }
let permits: Permits
let told: Permit[]

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
  permits = new Permits()
  told = []
})
afterEach(() => void vi.useRealTimers())

/** Sends a request. @param send gets how many permits the transaction takes at most */
const count = (user: string, send: (most: number) => Promise<string>, quota = usual) =>
  permits.count(user, { quota, onPermit: (permit) => told.push(permit) }, async (most) => [
    [],
    [{ permit: await send(most) }],
  ])

const failure = (
  kind: DatabaseErrorKind,
  more: { mayHaveRun?: boolean; detail?: string; cause?: Error } = {},
) => new DatabaseError('A failure.', { kind, transient: false, mayHaveRun: false, ...more })
const lost = new Error('Lost.')
const expectLost = (user: string) =>
  expect(count(user, () => Promise.reject(lost))).rejects.toBe(lost)

/** Sends a request as the database would answer it. @returns how many permits it took at most */
async function take(user: string, quota = usual): Promise<number> {
  let asked = 0
  const send = async (most: number) => {
    asked = most
    return most > 1 ? '598 1 37 3900' : '599 1'
  }
  await count(user, send, quota)
  return asked
}

/** Sends a request that takes one permit of its own, and brings 30 spare ones. */
const bring = (user: string) => count(user, async () => '500 11 30 14100')

/** Uses all spare permits up. @returns how many there were */
async function useUp(user: string): Promise<number> {
  for (let used = 0; used <= 1000; used += 1) {
    let asked = 0
    await count(user, async (most) => {
      asked = most
      if (most > 0) throw lost
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

test('a limit that gives a permit back every ten seconds at most is counted one by one', async () => {
  for (const _ of 'many') expect(await take('alice', { requests: 100, seconds: 1001 })).toBe(1)
})

test.each([
  ['unavailable', 30],
  ['internal', 29],
] as const)('a request that fails as %s leaves %i of 30 spare permits', async (kind, left) => {
  await take('alice')
  const bringing = bring('alice')
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
})

test('where a request for spare permits fails, the next one asks for them', async () => {
  await take('alice')
  await expectLost('alice')
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
    // The two that were used before them come first.
    ['as their share of the window passes, since the database gives it back', 1250, 0, 37 - 11],
    ['once all of it has passed', 3900, 0, 0],
    ['in a function that was frozen, whose other clock stood still', 0, 5000, 0],
    ['in time although the clock on the wall is set back', 5000, -3_600_000, 0],
  ])('are gone %s', async (_, passedMs, setMs, left) => {
    vi.advanceTimersByTime(passedMs)
    vi.setSystemTime(Date.now() + setMs)
    expect(await useUp('alice')).toBe(left)
  })
})

describe('a user who was refused', () => {
  const refusedFor = (waitMs: number) =>
    failure('rate_limited', { detail: '1', cause: Object.assign(lost, { hint: `${waitMs}` }) })

  /** Asks as a user whom the database refuses. @returns how the answer came about, and what it says */
  async function refuse(user: string, waitMs: number): Promise<string> {
    let by = 'the process'
    const refused = count(user, () => {
      by = 'the database'
      return Promise.reject(refusedFor(waitMs))
    })
    return await refused.then(String, ({ kind, detail }) => `${kind} by ${by}: ${detail}`)
  }
  const byDatabase = 'rate_limited by the database: 1'
  const byProcess = 'rate_limited by the process: 1'

  test('is told how long a permit takes, although it is remembered for ten seconds only', async () => {
    await refuse('alice', 86_400_000)
    vi.advanceTimersByTime(3000)
    expect(await refuse('alice', 86_400_000)).toBe('rate_limited by the process: 86397')
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
    expect(await refuse('alice', waitMs)).toMatch('by the process')
    expect(await refuse('bob', waitMs)).toBe(byDatabase)
    vi.advanceTimersByTime(passedMs - Math.min(waitMs, passedMs) + 1)
    vi.setSystemTime(Date.now() - setBackMs)
    expect(await take('alice')).toBe(1)
  })

  test('asks again where nobody knows how long: the clock is set back, or the database does not say', async () => {
    await refuse('alice', 83)
    vi.setSystemTime(Date.now() - 3_600_000)
    expect(await refuse('alice', Number.NaN)).toBe(byDatabase)
    expect(await refuse('alice', 83)).toBe(byDatabase)
  })

  test('asks with one request for each permit that comes back, however many it sends', async () => {
    await refuse('alice', 83)
    vi.advanceTimersByTime(83)
    expect(await take('alice')).toBe(1)
    vi.advanceTimersByTime(99)
    expect(await refuse('alice', 83)).toBe(byProcess)
    vi.advanceTimersByTime(1)
    expect(await refuse('alice', 83)).toBe(byDatabase)
  })

  test('has all permits that have come back while it was quiet', async () => {
    await refuse('alice', 83)
    vi.advanceTimersByTime(83 + 100)
    for (const _ of 'many') expect(await refuse('alice', 0)).toBe(byDatabase)
  })

  test('loses nothing where the one that asked fails', async () => {
    await refuse('alice', 83)
    vi.advanceTimersByTime(83)
    await expectLost('alice')
    expect(await take('alice')).toBe(1)
  })

  test('spends the spare permits that another request has brought meanwhile', async () => {
    await take('alice')
    const bringing = bring('alice')
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

test('ten thousand are remembered at most, also where one was forgotten while their request failed', async () => {
  await take('alice')
  const failing = count('alice', async () => {
    for (let user = 1; user <= 10_000; user += 1) await take(`user ${user}`)
    throw lost
  })
  await expect(failing).rejects.toBe(lost)
  expect(await take('user 1')).toBe(1)
})
