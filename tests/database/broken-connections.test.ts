import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { type OpenDatabase, openDatabase } from '#db/database'
import { versionOf } from '#tests/database/users'
import { options } from '#tests/support/databases'
import { type FaultProxy, startFaultProxy } from '#tests/support/fault-proxy'
import { untilSomebodyWaits, whileTasksAreLocked } from '#tests/support/locked-tasks'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

const server = postgresAt(inject('postgresPort'))
let proxy: FaultProxy
let database: OpenDatabase
let direct: string
let url: string

beforeAll(async () => {
  const name = await createDatabase(server)
  direct = server.url(name)
  proxy = await startFaultProxy(server.port)
  url = postgresAt(proxy.port).url(name)
})
afterAll(() => proxy?.close())

beforeEach(async () => {
  const limits = { deadlineMs: 8000, attemptMs: 8000 }
  database = await openDatabase({ ...options, limits, url, poolSize: 1, connectTimeoutMs: 1000 })
  await database.makeReady()
})
afterEach(async () => {
  proxy.mode = 'pass'
  await database?.close()
})

async function backendOf(user: string): Promise<number> {
  const db = database.forUser(user, 8000)
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)
  return Number(rows[0]?.pid)
}

test('an answer that comes after its request was given up never meets the next request', async () => {
  const before = await backendOf('alice')
  proxy.mode = 'hold'
  const late = statementsOf(database.forUser('alice', 1500), 'alice')
  await expect(late.list()).rejects.toMatchObject({ kind: 'unavailable' })
  proxy.mode = 'pass'
  expect(await backendOf('bob')).not.toBe(before)
})

test('a write that was held up on its way until its request was given up never runs', async () => {
  const alice = statementsOf(database.forUser('alice', 1500), 'alice')
  const id = crypto.randomUUID()
  const { version } = await alice.insert(id)
  proxy.mode = 'hold'
  const flip = alice.complete(id)
  await expect(flip).rejects.toMatchObject({ kind: 'unavailable', mayHaveRun: true })
  // The network learns that the connection is gone before it works again.
  await sleep(50)
  proxy.mode = 'pass'
  await sleep(300)
  expect(await versionOf(direct, id)).toBe(version)
})

test('a write that waits for a lock when its connection breaks does not run after its request has failed', async () => {
  const alice = statementsOf(database.forUser('alice'), 'alice')
  const id = crypto.randomUUID()
  const { version } = await alice.insert(id)
  await whileTasksAreLocked(direct, async (release) => {
    const flip = alice.complete(id)
    // It waited for a tenth of a second, and waits again as the last of its connection.
    await sleep(1000)
    await untilSomebodyWaits(direct)
    proxy.reset()
    await expect(flip).rejects.toMatchObject({ kind: 'unavailable', mayHaveRun: true })
    await release()
  })
  await sleep(300)
  expect(await versionOf(direct, id)).toBe(version)
})

test('a connection that comes about too late for its request serves the next one', async () => {
  proxy.reset()
  await sleep(50)
  proxy.delayMs = 60
  // It is not sent with less than a second left, and three exchanges take longer than the rest.
  const late = database.transport.transaction([{ sql: 'select 1', parameters: [] }], 1200)
  await expect(late).rejects.toMatchObject({ kind: 'unavailable', mayHaveRun: false })
  proxy.delayMs = 0
  expect(await backendOf('alice')).toBeGreaterThan(0)
})

test('a connection that got a FATAL serves no other request, even where it stays open', async () => {
  const before = await backendOf('alice')
  proxy.mode = 'shut down'
  const look = [{ sql: 'select 1', parameters: [] }]
  const ended = database.transport.transaction(look, 8000)
  await expect(ended).rejects.toMatchObject({ sqlState: '57P01' })
  proxy.mode = 'pass'
  const startedAt = performance.now()
  expect(await backendOf('bob')).not.toBe(before)
  // Before an attempt on the old connection could have been given up, after eight seconds.
  expect(performance.now() - startedAt).toBeLessThan(4000)
})

test('while the database is silent, whoever waits for a connection is told that it is away', async () => {
  await backendOf('alice')
  proxy.mode = 'stall'
  const users = ['alice', 'bob', 'carol']
  const waiting = users.map((user) =>
    statementsOf(database.forUser(user, 2500), user)
      .list()
      .catch((error: unknown) => error),
  )
  for (const error of await Promise.all(waiting)) {
    expect(error).toMatchObject({ kind: 'unavailable' })
  }
})

test('a server that takes no connection in time is given up by the limit for connecting', async () => {
  proxy.mode = 'stall'
  proxy.reset()
  await sleep(50)
  const startedAt = performance.now()
  const asked = statementsOf(database.forUser('alice', 8000), 'alice').list()
  await expect(asked).rejects.toMatchObject({ kind: 'unavailable', mayHaveRun: false })
  // A second for each of three attempts. One attempt alone may take eight seconds.
  expect(performance.now() - startedAt).toBeLessThan(7000)
})

test('a close while the network is silent ends within the limit for connecting', async () => {
  const leaving = await openDatabase({ ...options, url, connectTimeoutMs: 1000 })
  const look = [{ sql: 'select 1', parameters: [] }]
  await leaving.transport.transaction(look, 8000)
  proxy.mode = 'stall'
  const asked = leaving.transport.transaction(look, 8000).catch(() => {})
  await sleep(50)
  const startedAt = performance.now()
  await leaving.close()
  // The limit is a second, and the request that is under way has eight.
  expect(performance.now() - startedAt).toBeLessThan(5000)
  proxy.reset()
  await asked
})

test('what is late behind another is answered, or never happens; the other is sent again', async () => {
  const bob = statementsOf(database.forUser('bob', 1200), 'bob')
  const id = crypto.randomUUID()
  const { version } = await bob.insert(id)
  const before = await backendOf('carol')
  const user = sql<string>`current_setting('app.user_id')`.as('user_id')
  const nap = sql`pg_sleep(1.6)`.as('nap')
  const napping = database.forUser('alice').selectNoFrom([user, nap]).execute()
  await sleep(5)
  const [flip] = await Promise.allSettled([bob.complete(id)])
  expect(await napping).toMatchObject([{ user_id: 'alice' }])
  expect(await versionOf(direct, id)).toBe(flip?.status === 'fulfilled' ? version + 1 : version)
  // The connection was closed, which ends what Postgres does for it.
  expect(await backendOf('carol')).not.toBe(before)
})
