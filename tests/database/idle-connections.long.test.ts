import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
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
