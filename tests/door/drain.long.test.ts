import { once } from 'node:events'
import { expect, inject, test } from 'vitest'
import { whileTasksAreLocked } from '#tests/support/locked-tasks'
import { metricsToken, readMetrics } from '#tests/support/metrics'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { openSocket } from '#tests/support/send'
import { endOf, startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))

test('SIGTERM under load: each worker answers what is under way and refuses later requests, and waits for no silent connection', async () => {
  const url = server.url(await createDatabase(server))
  const leaving = await startService('node', {
    DATABASE_URL: url,
    DATABASE_TIMEOUT_MS: '30000',
    WORKERS: '2',
    METRICS_TOKEN: metricsToken,
  })
  const headers = { authorization: `Bearer ${await tokenFor(newUser())}` }
  const list = () => fetch(`${leaving.url}/api/tasks`, { headers }).then(({ status }) => status)
  expect(await list()).toBe(200)
  /** How many requests have or wait for a connection to the database, over both workers. */
  const inDatabase = async () => {
    const { of } = await readMetrics(leaving.url)
    return of('db_pool_waiting') + of('db_pool_connections{state="in_use"}')
  }
  const silent = await openSocket(leaving.url)
  const closed = once(silent, 'close')
  await whileTasksAreLocked(url, async (release) => {
    const underWay = Array.from({ length: 60 }, list)
    await expect.poll(inDatabase).toBe(underWay.length)
    // To each process, as some init programs send it, so that workers get it twice and more.
    const signal = () => process.kill(-(leaving.process.pid ?? Number.NaN), 'SIGTERM')
    signal()
    const later = () =>
      fetch(`${leaving.url}/health`).then(
        () => 'answered',
        () => 'refused',
      )
    await expect.poll(later).toBe('refused')
    signal()
    await release()
    expect(await Promise.all(underWay)).toEqual(underWay.map(() => 200))
  })
  // The limit of the drain is 30 seconds.
  expect(await endOf(leaving)).toBe(0)
  await closed
})
