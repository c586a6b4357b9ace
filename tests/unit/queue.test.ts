import { afterEach, expect, test, vi } from 'vitest'
import { unsent } from '#db/errors'
import { Queue } from '#db/transports/queue'

/** Room for so many. */
const roomFor = (capacity: number) => (underWay: number) => underWay < capacity || undefined
/** As many slots as are left. */
const slotIn = (room: { left: number }) => () => {
  if (room.left === 0) return undefined
  room.left -= 1
  return true as const
}
const options = { userShare: 2, queueLimit: 8, silentAfterMs: 60_000, findSlot: roomFor(4) }
const overloaded = { kind: 'overloaded', mayHaveRun: false }
const away = { kind: 'unavailable', mayHaveRun: false }

afterEach(() => {
  vi.useRealTimers()
})

function enter(queue: Queue<true>, waitMs: number, user: string, signal?: () => AbortSignal) {
  return new Promise<true>((go, fail) => queue.enter({ place: { user, signal }, go, fail }, waitMs))
}

/** Lets each of these users in one after another, and notes in which order their turns come. */
function enterAll(queue: Queue<true>, users: string[]) {
  const turns: string[] = []
  const leaves: (() => void)[] = []
  const failures: unknown[] = []
  for (const user of users) {
    const place = { user }
    const go = () => {
      turns.push(user)
      leaves.push(() => queue.leave({ user }))
    }
    queue.enter({ place, go, fail: (error) => failures.push(error) }, 5000)
  }
  return { turns, leaves, failures }
}

test('one user has a share of the slots, others the rest', () => {
  const queue = new Queue(options)
  const { turns } = enterAll(queue, ['a', 'a', 'a', 'b', 'b', 'c'])
  expect(turns).toEqual(['a', 'a', 'b', 'b'])
  expect(queue.load()).toEqual({ inUse: 4, waiting: 2 })
})

test('what waits goes first come, first served; beyond a user’s share it waits for the user’s own', () => {
  const queue = new Queue({ ...options, findSlot: roomFor(1), queueLimit: 16 })
  const { turns, leaves } = enterAll(queue, ['a', 'b', 'b', 'b', 'c', 'a', 'd'])
  for (let left = 0; left < 7; left += 1) leaves[left]?.()
  expect(turns).toEqual(['a', 'b', 'b', 'c', 'a', 'd', 'b'])
  expect(queue.load()).toEqual({ inUse: 0, waiting: 0 })
})

test('who has had a slot and waits again still has one share', () => {
  const queue = new Queue({ ...options, findSlot: roomFor(8) })
  const { turns, leaves } = enterAll(queue, ['a', 'a'])
  leaves[0]?.()
  const { turns: later } = enterAll(queue, ['a', 'a', 'a'])
  expect([turns, later]).toEqual([['a', 'a'], ['a']])
  expect(queue.load()).toEqual({ inUse: 2, waiting: 2 })
})

test('a user’s line is a share of the queue: what is beyond it is refused, and others still wait', () => {
  const queue = new Queue({ ...options, findSlot: roomFor(1) })
  const { failures } = enterAll(queue, ['a', 'a', 'a', 'a', 'a', 'b'])
  expect(failures).toMatchObject([overloaded])
  expect(queue.load()).toEqual({ inUse: 1, waiting: 4 })
})

test('as many wait as the queue takes, and the next is refused', () => {
  const queue = new Queue({ ...options, findSlot: roomFor(1) })
  const { failures } = enterAll(queue, ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'])
  expect([failures, queue.load()]).toEqual([[], { inUse: 1, waiting: 8 }])
  expect(enterAll(queue, ['j']).failures).toMatchObject([overloaded])
  expect(queue.load()).toEqual({ inUse: 1, waiting: 8 })
})

test.each([
  { what: 'that owed nothing before is busy', quietMs: 0, answers: false, failure: overloaded },
  { what: 'that has answered of late is busy', quietMs: 90, answers: true, failure: overloaded },
  { what: 'that answers nobody is away', quietMs: 90, answers: false, failure: away },
])('where a wait is too long, a database $what', async ({ quietMs, answers, failure }) => {
  vi.useFakeTimers()
  const queue = new Queue({ ...options, userShare: 1, silentAfterMs: 150 })
  vi.advanceTimersByTime(1000)
  await enter(queue, 1000, 'a')
  vi.advanceTimersByTime(quietMs)
  if (answers) queue.heard()
  const refused = expect(enter(queue, 80, 'a')).rejects.toMatchObject(failure)
  vi.advanceTimersByTime(120)
  await refused
  expect(queue.load()).toEqual({ inUse: 1, waiting: 0 })
  expect(vi.getTimerCount()).toBe(0)
})

test('a transaction without time to wait is refused, although slots are free', async () => {
  const queue = new Queue(options)
  queue.heard()
  await expect(enter(queue, 0, 'a')).rejects.toMatchObject(overloaded)
  expect(queue.load()).toEqual({ inUse: 0, waiting: 0 })
})

test('a database that gives no slot although nothing is under way is away', async () => {
  vi.useFakeTimers()
  const queue = new Queue({ ...options, findSlot: roomFor(0) })
  const refused = expect(enter(queue, 200, 'a')).rejects.toMatchObject(away)
  vi.advanceTimersByTime(220)
  await refused
})

test('a database that kept the first waiting for a slot, and has not answered yet, is away', async () => {
  vi.useFakeTimers()
  const room = { left: 0 }
  const queue = new Queue({ ...options, silentAfterMs: 150, findSlot: slotIn(room) })
  const given = enter(queue, 5000, 'a')
  vi.advanceTimersByTime(90)
  const refused = expect(enter(queue, 80, 'b')).rejects.toMatchObject(away)
  room.left = 1
  queue.admit()
  await given
  vi.advanceTimersByTime(120)
  await refused
})

test('a transaction whose client goes, or has gone, leaves the line', async () => {
  const queue = new Queue({ ...options, userShare: 1 })
  await enter(queue, 1000, 'a')
  const client = new AbortController()
  const waiting = enter(queue, 1000, 'a', () => client.signal)
  expect(queue.load()).toEqual({ inUse: 1, waiting: 1 })
  client.abort()
  await expect(waiting).rejects.toMatchObject({ kind: 'abandoned' })
  const gone = enter(queue, 1000, 'a', () => client.signal)
  await expect(gone).rejects.toMatchObject({ kind: 'abandoned' })
  queue.leave({ user: 'a' })
  expect(queue.load()).toEqual({ inUse: 0, waiting: 0 })
})

test('a transaction that leaves the common queue makes room in it for the next of the same user', async () => {
  const room = { left: 0 }
  const queue = new Queue({ ...options, userShare: 1, findSlot: slotIn(room) })
  const client = new AbortController()
  const first = enter(queue, 1000, 'a', () => client.signal)
  const second = enter(queue, 1000, 'a')
  client.abort()
  await expect(first).rejects.toMatchObject({ kind: 'abandoned' })
  room.left = 1
  queue.admit()
  await second
})

test('new slots go to those that wait already, not to the one that asks next', () => {
  const room = { left: 0 }
  const queue = new Queue({ ...options, findSlot: slotIn(room) })
  const { turns } = enterAll(queue, ['a', 'b'])
  room.left = 2
  const { turns: later } = enterAll(queue, ['c'])
  expect([turns, later]).toEqual([['a', 'b'], []])
})

test('those whose slots will not come fail with the reason, and the others go on', async () => {
  const room = { left: 0 }
  const queue = new Queue({ ...options, findSlot: slotIn(room) })
  const { turns, failures } = enterAll(queue, ['a', 'b', 'c'])
  queue.failNext(2, unsent('no connection', 'unavailable'))
  room.left = 1
  queue.admit()
  expect([turns, failures]).toMatchObject([['c'], [{ message: 'no connection' }, {}]])
})

test('a transaction whose time ran out while the process was busy gets no slot that came free meanwhile', async () => {
  const room = { left: 0 }
  const queue = new Queue({ ...options, findSlot: slotIn(room) })
  queue.heard()
  const late = expect(enter(queue, 10, 'a')).rejects.toMatchObject({ mayHaveRun: false })
  const until = performance.now() + 20
  while (performance.now() < until);
  room.left = 1
  queue.admit()
  await late
  expect(queue.load()).toEqual({ inUse: 0, waiting: 0 })
})
