import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startLyingPostgres } from '#tests/database/lying-postgres'
import { newDatabase, open, startNetwork } from '#tests/support/databases'

/** How long a connection stays open without transactions, and until somebody has looked. */
const untilClosedMs = 10_300
const { name, sql } = await newDatabase()
const network = await startNetwork()
const options = { poolSize: 1, connectTimeoutMs: 5000 }
const { transport } = await open(network.url(name), options)

/** The backend that serves it. */
async function ask(): Promise<unknown> {
  const statement = { sql: 'select pg_backend_pid() as pid', parameters: [] }
  const [rows] = await transport.transaction([statement], 8000)
  return rows?.[0]?.['pid']
}

const backends = () =>
  sql(
    `select pid from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`,
  )

test('a connection that is idle for ten seconds is closed, and the next request opens another', async () => {
  const pid = await ask()
  await sleep(5000)
  expect(await ask()).toBe(pid)
  await sleep(untilClosedMs)
  expect(await backends()).toEqual([])
  expect(await ask()).not.toBe(pid)
})

test('an idle connection whose end does not arrive keeps nobody from opening another', async () => {
  await ask()
  network.mode = 'stall'
  await sleep(untilClosedMs)
  network.mode = 'pass'
  expect(await backends()).toHaveLength(1)
  const startedAt = performance.now()
  await ask()
  // It is cut after the five seconds that a connection may take to open.
  expect(performance.now() - startedAt).toBeLessThan(2500)
})

test('a connection that was opened beside others, and that nobody needed, stays no longer than they do', async () => {
  const server = await startLyingPostgres()
  const ofWrites = server.open({ ...options, poolSize: 2 })
  const write = (user: string) =>
    ofWrites.transaction([{ sql: 'select 1', parameters: [] }], 8000, { user, isWrite: true })
  await write('one')
  server.hello = (welcome) => [{ waitMs: 3000 }, ...welcome]
  await Promise.all(['one', 'another'].map(write))
  await sleep(untilClosedMs)
  expect(server.connections).toBe(2)
  expect(ofWrites.poolLoad?.()).toEqual({ inUse: 0, idle: 0, waiting: 0 })
})
