import { expect, test } from 'vitest'
import { Lines } from '#db/transports/lines'
import type { Place } from '#db/transports/transport'

/** Room for so many, one of whom is a probe. */
const roomFor =
  (capacity: number, reserve = 0) =>
  ({ isProbe = false }: Place, underWay: number) =>
    underWay < (isProbe ? capacity : capacity - reserve) || undefined
/** As many seats as are left. */
const seatIn = (room: { left: number }) => () => {
  if (room.left === 0) return undefined
  room.left -= 1
  return true
}
const options = {
  ...{ userShare: 2, queueLimit: 8, silentAfterMs: 60_000 },
  ...{ seat: roomFor(4, 1) },
}
const overloaded = { kind: 'overloaded', mayHaveRun: false }

/** A promise of it, whether there is a seat at once or not. */
const enter = async (lines: Lines<true>, timeoutMs: number, place: Place) =>
  await lines.enter(timeoutMs, place)

/** Lets each of these users in one after another, and notes in which order their turns come. */
function enterAll(lines: Lines<true>, users: string[]) {
  const turns: string[] = []
  const leaves: (() => void)[] = []
  const failures: unknown[] = []
  for (const user of users) {
    const place = { user, isProbe: user === 'probe' }
    enter(lines, 5000, place).then(
      () => {
        turns.push(user)
        leaves.push(() => lines.leave(place))
      },
      (error) => failures.push(error),
    )
  }
  return { turns, leaves, failures }
}
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('one user has a share of the connections, others the rest, and a probe the one that is kept', async () => {
  const lines = new Lines(options)
  const { turns } = enterAll(lines, ['a', 'a', 'a', 'b', 'b', 'probe'])
  await settled()
  expect(turns).toEqual(['a', 'a', 'b', 'probe'])
  expect(lines.load()).toEqual({ inUse: 4, waiting: 2 })
})

test('users whose requests wait have their turns one after the other, whoever came first', async () => {
  const lines = new Lines({ ...options, seat: roomFor(1), queueLimit: 16 })
  const { turns, leaves } = enterAll(lines, ['a', 'b', 'b', 'c', 'b', 'a', 'probe'])
  for (let left = 0; left < 7; left += 1) {
    await settled()
    leaves[left]?.()
  }
  expect(turns).toEqual(['a', 'probe', 'b', 'c', 'a', 'b', 'b'])
  expect(lines.load()).toEqual({ inUse: 0, waiting: 0 })
})

test('a user’s line is a share of the queue: what is beyond it is refused, and others still wait', async () => {
  const lines = new Lines({ ...options, seat: roomFor(1) })
  const { failures } = enterAll(lines, ['a', 'a', 'a', 'a', 'b'])
  await settled()
  expect(failures).toMatchObject([overloaded])
  expect(lines.load()).toEqual({ inUse: 1, waiting: 3 })
})

test('who waits too long is refused; where the database owes every answer, it is called away', async () => {
  const busy = new Lines({ ...options, userShare: 1 })
  await enter(busy, 1000, { user: 'a' })
  await expect(enter(busy, 30, { user: 'a' })).rejects.toMatchObject(overloaded)
  const silent = new Lines({ ...options, userShare: 1, silentAfterMs: 10 })
  await enter(silent, 1000, { user: 'a' })
  const away = { kind: 'unavailable', mayHaveRun: false }
  await expect(enter(silent, 30, { user: 'a' })).rejects.toMatchObject(away)
  silent.heard()
  expect(silent.load()).toEqual({ inUse: 1, waiting: 0 })
})

test('a database that leaves no room although nothing is under way is away', async () => {
  const room = { left: 0 }
  const lines = new Lines({ ...options, silentAfterMs: 100, seat: seatIn(room) })
  const seated = enter(lines, 5000, { user: 'a' })
  const refused = expect(enter(lines, 200, { user: 'b' })).rejects.toMatchObject({
    kind: 'unavailable',
  })
  await new Promise((resolve) => setTimeout(resolve, 110))
  room.left = 1
  lines.admit()
  await seated
  await refused
})

test('whose client goes, or has gone, leaves the line', async () => {
  const lines = new Lines({ ...options, userShare: 1 })
  await lines.enter(1000, { user: 'a' })
  const client = new AbortController()
  const waiting = enter(lines, 1000, { user: 'a', signal: () => client.signal })
  expect(lines.load()).toEqual({ inUse: 1, waiting: 1 })
  client.abort()
  await expect(waiting).rejects.toMatchObject({ kind: 'abandoned' })
  const gone = enter(lines, 1000, { user: 'a', signal: () => client.signal })
  await expect(gone).rejects.toMatchObject({ kind: 'abandoned' })
  lines.leave({ user: 'a' })
  expect(lines.load()).toEqual({ inUse: 0, waiting: 0 })
})

test('room that comes about by itself goes to those who wait already, not to who asks next', async () => {
  const room = { left: 0 }
  const lines = new Lines({ ...options, seat: seatIn(room) })
  const { turns } = enterAll(lines, ['a', 'b'])
  await settled()
  room.left = 2
  const { turns: later } = enterAll(lines, ['c'])
  await settled()
  expect([turns, later]).toEqual([['a', 'b'], []])
})
