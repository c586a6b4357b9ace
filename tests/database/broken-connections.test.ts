import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { OpenDatabase } from '#db/database'
import { versionOf } from '#tests/database/users'
import { newDatabase, start, startNetwork } from '#tests/support/databases'
import { untilSomebodyWaits, whileTasksAreLocked } from '#tests/support/locked-tasks'
import { tasksOf } from '#tests/support/statements'

const { name, url: direct } = await newDatabase()
const network = await startNetwork()

let database: OpenDatabase
beforeEach(async () => {
  database = await start(network.url(name), { poolSize: 1, connectTimeoutMs: 1000 })
})
afterEach(() => {
  network.mode = 'pass'
})

const backendOf = async (user: string) =>
  (await sql`select pg_backend_pid()`.execute(database.forUser(user))).rows

test('a write that was held up until its request was given up never runs, and its answer meets nobody', async () => {
  const before = await backendOf('bob')
  const alice = tasksOf(database, 'alice', 1500)
  const { id, version } = await alice.create()
  network.mode = 'hold'
  const flip = alice.complete(id)
  await expect(flip).rejects.toMatchObject({ kind: 'unavailable', mayHaveRun: true })
  // The network learns that the connection is gone before it works again.
  await sleep(50)
  network.mode = 'pass'
  expect(await backendOf('bob')).not.toEqual(before)
  await sleep(300)
  expect(await versionOf(direct, id)).toBe(version)
})

test('a write that waits for a lock when its connection breaks does not run after its request has failed', async () => {
  const alice = tasksOf(database, 'alice')
  const { id, version } = await alice.create()
  await whileTasksAreLocked(direct, async (release) => {
    const flip = alice.complete(id)
    // It waited for a tenth of a second, and waits again as the last of its connection.
    await sleep(1000)
    await untilSomebodyWaits(direct)
    network.reset()
    await expect(flip).rejects.toMatchObject({ kind: 'unavailable', mayHaveRun: true })
    await release()
  })
  await sleep(300)
  expect(await versionOf(direct, id)).toBe(version)
})

test('a server that takes no connection in time is given up by the limit for connecting', async () => {
  network.mode = 'stall'
  network.reset()
  await sleep(50)
  const startedAt = performance.now()
  const asked = tasksOf(database, 'alice').list()
  await expect(asked).rejects.toMatchObject({ kind: 'unavailable', mayHaveRun: false })
  // A second for each of three attempts, and not half of what one attempt may take.
  expect(performance.now() - startedAt).toBeLessThan(7000)
})

test('what is late behind another is answered, or never happens; the other is sent again', async () => {
  const bob = tasksOf(database, 'bob', 1200)
  const { id, version } = await bob.create()
  const before = await backendOf('carol')
  const user = sql<string>`current_setting('app.user_id')`.as('user_id')
  const nap = sql`pg_sleep(1.6)`.as('nap')
  const napping = database.forUser('alice').selectNoFrom([user, nap]).execute()
  await sleep(5)
  const [flip] = await Promise.allSettled([bob.complete(id)])
  expect(await napping).toMatchObject([{ user_id: 'alice' }])
  expect(await versionOf(direct, id)).toBe(flip?.status === 'fulfilled' ? version + 1 : version)
  // The connection was closed, which ends what Postgres does for it.
  expect(await backendOf('carol')).not.toEqual(before)
})
