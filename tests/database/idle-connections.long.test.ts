import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, inject, test } from 'vitest'
import { openPostgres } from '#db/transports/postgres/postgres'
import { options } from '#tests/support/databases'
import { startFaultProxy } from '#tests/support/fault-proxy'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'

const server = postgresAt(inject('postgresPort'))
/** How long a connection stays open without transactions, and until somebody has looked. */
const untilClosedMs = 10_300
const name = await createDatabase(server)
const proxy = await startFaultProxy(server.port)
const url = postgresAt(proxy.port).url(name)
const transport = openPostgres({ ...options, url, poolSize: 1, connectTimeoutMs: 5000 })
afterAll(async () => {
  await transport.close()
  await proxy.close()
})

/** The backend that serves it. */
async function ask(): Promise<unknown> {
  const statement = { sql: 'select pg_backend_pid() as pid', parameters: [] }
  const [rows] = await transport.transaction([statement], 8000)
  return rows?.[0]?.['pid']
}

const backends = () =>
  runSql(
    server.url(name),
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
  proxy.mode = 'stall'
  await sleep(untilClosedMs)
  proxy.mode = 'pass'
  expect(await backends()).toHaveLength(1)
  const startedAt = performance.now()
  await ask()
  // It is cut after the five seconds that a connection may take to open.
  expect(performance.now() - startedAt).toBeLessThan(2500)
})
