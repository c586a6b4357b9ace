import { AsyncLocalStorage } from 'node:async_hooks'
import type { EventEmitter } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openCallerDatabase } from '#db/scoped'
import type { Transport, TransportOptions } from '#db/transports/transport'
import { errorMessage, startLyingPostgres } from '#tests/database/lying-postgres'
import { options } from '#tests/support/databases'
import { statementsOf } from '#tests/support/statements'

const look = [{ sql: 'select 1', parameters: [] }]
const meetsLock = 'fails with 55P03'

/** A server, and connections to it, of which one is open. */
async function start(poolSize: number, options: Partial<TransportOptions> = {}) {
  const server = await startLyingPostgres()
  const transport = server.open({ poolSize, connectTimeoutMs: 1000, ...options })
  await transport.transaction(look, 8000)
  const send = (user: string, parameter: string, timeoutMs = 8000) =>
    transport.transaction([{ sql: 'select $1', parameters: [parameter] }], timeoutMs, { user })
  return { server, transport, send }
}

test('statements have names while no pooler stands between, and once one was met never again', async () => {
  const server = await startLyingPostgres()
  const parsed: number[] = []
  server.always = (answer) => {
    parsed.push(answer.filter(({ type }) => type === '1').length)
    return answer
  }
  const transport = server.open({ poolSize: 1 })
  // Before the first answer nobody knows; then the names are made, and then they are known.
  for (const isDirect of [true, true, true, false, false, true, true]) {
    server.isDirect = isDirect
    await transport.transaction(look, 8000)
  }
  expect(parsed).toEqual([2, 2, 0, 0, 2, 2, 2])
})

test('a pooler that passes for Postgres and stumbles over names is sent none any more', async () => {
  const server = await startLyingPostgres()
  // As pgpool-II does where it is to forget a name that it has never heard.
  server.always = (answer) => answer.flatMap((each) => (each.type === '3' ? [each, each] : each))
  const transport = server.open()
  const served: boolean[] = []
  for (let time = 0; time < 4; time += 1) {
    const asked = transport.transaction(look, 8000)
    served.push(await asked.then(...[() => true, () => false]))
  }
  expect(served).toEqual([true, false, true, true])
})

test('with less than a second left, nothing is sent', async () => {
  const { server, send } = await start(1)
  let answered = 0
  server.always = (answer) => {
    answered += 1
    return answer
  }
  const late = send('late', 'x', 900)
  await expect(late).rejects.toMatchObject({ kind: 'overloaded', mayHaveRun: false })
  await send('in time', 'x')
  expect(answered).toBe(1)
})

test('a close waits for an answer for as long as a connection may take to open, and not longer', async () => {
  const { server, transport, send } = await start(1)
  server.lieOnce((answer) => [{ waitMs: 6000 }, ...answer])
  const inDoubt = { kind: 'unavailable', mayHaveRun: true }
  const asked = expect(send('waiting', 'x', 60_000)).rejects.toMatchObject(inDoubt)
  await turn()
  await transport.close()
  await asked
})

test('who meets a lock is sent again once, where nobody is put behind', async () => {
  const { server, send } = await start(2)
  let [attempts, isOver] = [0, false]
  const isSentAgain = Promise.withResolvers<void>()
  server.always = (answer) => {
    if (!answer.some(({ type }) => type === 'E')) return answer
    attempts += 1
    if (attempts === 1) return answer
    isSentAgain.resolve()
    return [{ waitMs: 1500 }, ...answer]
  }
  const held = send('held', meetsLock).finally(() => {
    isOver = true
  })
  const failed = expect(held).rejects.toMatchObject({ sqlState: '55P03', mayHaveRun: false })
  await Promise.race([isSentAgain.promise, failed])
  await send('another', 'x')
  expect(isOver).toBe(false)
  await failed
  expect(attempts).toBe(2)
})

test('a host that freezes processes hears from each request, also a search or a probe, when its connection may be idle', async () => {
  const server = await startLyingPostgres()
  const requests = new AsyncLocalStorage<string>()
  const heard: unknown[] = []
  const onPool = (pool: object) =>
    (pool as EventEmitter).on('release', () => heard.push(requests.getStore()))
  const transport = server.open({ onPool })
  const places = { first: {}, next: {}, search: { isLong: true }, probe: { isProbe: true } }
  for (const [name, place] of Object.entries(places)) {
    await requests.run(name, () => transport.transaction(look, 8000, { user: 'one', ...place }))
  }
  expect(server.connections).toBe(3)
  // Otherwise it would be the request that had opened the connection, and may be over.
  expect(heard).toEqual(Object.keys(places))
})

const tasksOf = (transport: Transport, user: string) =>
  statementsOf(openCallerDatabase(transport, user, options.limits), user)
/** Flips a task, or reads it. */
const flip = (transport: Transport, user: string) => tasksOf(transport, user).complete('id')
const read = (transport: Transport, user: string) => tasksOf(transport, user).find('id')

/** A server, and connections to it, which writes have opened: ten a second at most. */
async function startAll(poolSize: number) {
  const { server, transport } = await start(poolSize)
  const users = ['one', 'another', 'a third']
  while (server.connections < poolSize) {
    await Promise.all(users.map((user) => flip(transport, user)))
  }
  return { server, transport }
}

test.each([
  ['writes are sent on several connections, whose commits wait for the disk together', flip, 3],
  ['reads are sent on one', read, 1],
])('%s', async (_, send, sideBySide) => {
  const { server, transport } = await start(3)
  const all = () => users.map((user) => send(transport, user))
  const users = ['one', 'another', 'a third']
  // Where all are busy, another connection is opened for those that follow, ten a second at most.
  const until = performance.now() + 1000
  while (performance.now() < until) await Promise.all(all())
  let asked = 0
  server.always = (answer) => {
    asked += 1
    return [{ waitMs: 1000 }, ...answer]
  }
  const answers = all()
  await Promise.race(answers)
  // A connection is asked for the next once the one before is answered.
  expect(asked).toBeGreaterThanOrEqual(sideBySide)
  expect(server.connections).toBe(sideBySide)
  await Promise.all(answers)
})

test('a read does not wait for the commits of others, while writes have connections of their own', async () => {
  const { server, transport } = await startAll(3)
  const users = Array.from({ length: 8 }, (_, index) => `user-${index}`)
  server.always = (answer) => [{ waitMs: 100 }, ...answer]
  await read(transport, 'a reader')
  let done = 0
  const flips = users.map((user) => flip(transport, user).then(() => (done += 1)))
  await read(transport, 'a reader')
  // Spread over all three, six would be.
  expect(done).toBeLessThan(5)
  await Promise.all(flips)
})

test('where nobody reads, no connection is idle while writes wait for each other', async () => {
  const { server, transport } = await start(2)
  const flipAll = () => Promise.all(['a', 'b', 'c', 'd'].map((user) => flip(transport, user)))
  // Beside reads, the first connection would be left to them.
  const until = performance.now() + 1000
  while (performance.now() < until || server.connections < 2) await flipAll()
  const flips = flipAll()
  await turn()
  expect(transport.poolLoad?.().inUse).toBe(2)
  await flips
})

test('where no other connection can be opened, writes share the one that is there, and after a while have another tried', async () => {
  const { server, transport } = await start(3)
  server.hello = () => [errorMessage('53300', 'FATAL'), 'end']
  const flipTwo = () => Promise.all(['one', 'another'].map((user) => flip(transport, user)))
  const startedAt = performance.now()
  let rounds = 0
  for (; server.connections < 3; rounds += 1) await flipTwo()
  expect(rounds).toBeGreaterThan(3)
  expect(performance.now() - startedAt).toBeGreaterThan(1000)
})

test('what a user sends while another is under way runs behind it', async () => {
  const { server, transport } = await startAll(3)
  const done: string[] = []
  const ask = (send: typeof flip | typeof read, what: string) =>
    send(transport, 'one').then(() => done.push(what))
  server.lieOnce((answer) => [{ waitMs: 500 }, ...answer])
  await Promise.all([ask(flip, 'a write'), ask(flip, 'the next')])
  server.lieOnce((answer) => [{ waitMs: 500 }, ...answer])
  await Promise.all([ask(flip, 'a write'), ask(read, 'a read')])
  expect(done).toEqual(['a write', 'the next', 'a write', 'a read'])
})

test('a server that ends each further connection at once is not asked for one by every write', async () => {
  const { server, transport } = await start(3)
  server.hello = (welcome) => [...welcome, 'end']
  server.always = (answer) => [{ waitMs: 4 }, ...answer]
  const until = performance.now() + 500
  const users = ['one', 'another', 'a third']
  while (performance.now() < until) {
    await Promise.allSettled(users.map((user) => flip(transport, user)))
  }
  expect(server.connections).toBeLessThan(10)
})

test('where writes have the last connection that a login may have, probes and searches do with theirs', async () => {
  const { server, transport } = await startAll(2)
  server.hello = () => [errorMessage('53300', 'FATAL'), 'end']
  const [user, isProbe, isLong] = ['one', true, true]
  for (const place of [
    { user, isProbe },
    { user, isLong },
  ]) {
    expect(await transport.transaction(look, 8000, place)).toEqual([[{ value: '1' }]])
  }
  const met = transport.transaction([{ sql: 'select $1', parameters: [meetsLock] }], 8000, { user })
  await expect(met).rejects.toMatchObject({ sqlState: '55P03' })
})

test('where no other connection can be opened, nobody fails who only waits for the user’s own share', async () => {
  const { server, transport } = await start(2)
  server.hello = () => [errorMessage('28P01', 'FATAL'), 'end']
  server.always = (answer) => [{ waitMs: 200 }, ...answer]
  const users = ['one', 'one', 'one', 'one', 'another']
  await Promise.all(users.map((user) => flip(transport, user)))
  expect(server.connections).toBeGreaterThan(1)
})

test('where no other connection can be opened, everybody waits for room on the one that is there', async () => {
  const refused: unknown[] = []
  const { server, transport } = await start(3, { onRefused: (error) => refused.push(error) })
  server.hello = () => [errorMessage('53300', 'FATAL'), 'end']
  server.always = (answer) => [{ waitMs: 4 }, ...answer]
  const users = Array.from({ length: 40 }, (_, index) => `user-${index}`)
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(users.map((user) => transport.transaction(look, 8000, { user })))
  }
  // Each further one would be refused as well.
  expect(server.connections).toBeLessThan(4)
  expect(refused[0]).toMatchObject({ code: '53300' })
})

test('where a connection was refused and those that are there are stuck, another is tried for who waits', async () => {
  const { server, transport } = await start(2)
  server.lieOnce((answer) => [{ waitMs: 20_000 }, ...answer])
  const users = Array.from({ length: 16 }, (_, index) => `user-${index}`)
  const stuck = Promise.allSettled(users.map((user) => read(transport, user)))
  server.hello = () => {
    server.beHonest()
    return [errorMessage('57P03', 'FATAL'), 'end']
  }
  await transport.transaction(look, 8000, { user: 'another' })
  expect(server.connections).toBe(3)
  server.reset()
  await stuck
})

test('once it is closed, nobody waits for a turn: not who waits already, nor who met a lock, nor who comes', async () => {
  const { server, transport, send } = await start(1)
  server.lieOnce((answer) => [{ waitMs: 300 }, ...answer])
  const users = Array.from({ length: 20 }, (_, index) => `user-${index}`)
  const own = Array<string>(6).fill('greedy')
  const held = send('holder', meetsLock, 30_000)
  const ended = Promise.allSettled([
    held,
    ...[...own, ...users].map((user) => send(user, 'x', 30_000)),
  ])
  await turn()
  const waiting = transport.poolLoad?.().waiting ?? 0
  expect(waiting).toBeGreaterThan(0)
  const startedAt = performance.now()
  await transport.close()
  const closed = { kind: 'unavailable', mayHaveRun: false }
  await expect(send('late', 'x')).rejects.toMatchObject(closed)
  const refused = (await ended).filter(({ status }) => status === 'rejected')
  expect(refused).toMatchObject(Array.from({ length: 1 + waiting }, () => ({ reason: closed })))
  // Each of them had half of thirty seconds for its turn.
  expect(performance.now() - startedAt).toBeLessThan(8000)
  expect(server.connections).toBe(1)
})
