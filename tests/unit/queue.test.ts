import { afterEach, expect, test, vi } from 'vitest'
import { unsent } from '#db/errors'
import { Queue } from '#db/transports/queue'

/** Room for so many. */
const roomFor = (capacity: number) => (_: unknown, underWay: number) =>
  underWay < capacity || undefined
/** As many slots as are left. */
const slotIn = (room: { left: number }) => () => {
  if (room.left === 0) return undefined
  room.left -= 1
  return true as const
}
const options = { userShare: 2, queueLimit: 8, connectTimeoutMs: 180_000, findSlot: roomFor(4) }
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

/** Who enters, in which order turns come while each leaves after its turn, and who is left at last. */
test.each([
  ['one user has a share of the slots, others the rest', 4, 'aaabbc', 0, 'aabb', 2],
  ['what waits goes first come, first served', 1, 'abca', 7, 'abca', 0],
  ['beyond a user’s share it waits for the user’s own', 1, 'abbbcad', 7, 'abbcadb', 0],
  ['who has had a slot and waits again still has one share', 8, 'aaaaa', 1, 'aaa', 2],
])('%s', (_, capacity, users, leaving, order, waiting) => {
  const queue = new Queue({ ...options, findSlot: roomFor(capacity), queueLimit: 16 })
  const { turns, leaves, failures } = enterAll(queue, [...users])
  for (let left = 0; left < leaving; left += 1) leaves[left]?.()
  expect(turns.join('')).toBe(order)
  expect(failures).toEqual([])
  expect(queue.load().waiting).toBe(waiting)
})

test.each([
  ['a user’s line is a share of the queue, and others still wait', 'aaaaab', 4],
  ['as many wait as the queue takes', 'abcdefghij', 8],
])('%s: what is beyond it is refused', (_, users, waiting) => {
  const queue = new Queue({ ...options, findSlot: roomFor(1) })
  const { failures } = enterAll(queue, [...users])
  expect(failures).toMatchObject([overloaded])
  expect(queue.load()).toEqual({ inUse: 1, waiting })
})

test.each([
  { what: 'that owed nothing before is busy', quietMs: 0, answers: false, failure: overloaded },
  { what: 'that has answered of late is busy', quietMs: 90, answers: true, failure: overloaded },
  { what: 'that answers nobody is away', quietMs: 90, answers: false, failure: away },
])('where a wait is too long, a database $what', async ({ quietMs, answers, failure }) => {
  vi.useFakeTimers()
  const queue = new Queue({ ...options, userShare: 1, connectTimeoutMs: 450 })
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
  const queue = new Queue({ ...options, connectTimeoutMs: 450, findSlot: slotIn(room) })
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
