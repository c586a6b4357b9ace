import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { hold } from '#tests/support/locked-tasks'
import { metricsToken, readMetrics } from '#tests/support/metrics'
import { runSql } from '#tests/support/postgres'
import { createBy, headBy, openSocket, send } from '#tests/support/send'
import { serve } from '#tests/support/serve'
import { endOf } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

test('SIGTERM under load: each worker turns unready, finishes what is under way, loses nothing acknowledged, refuses what comes later, and exits', async () => {
  await using leaving = await serve('node', {
    WORKERS: '2',
    METRICS_TOKEN: metricsToken,
    // What waits for the database shall end by the commit of the test, however long the rest takes.
    DATABASE_TIMEOUT_MS: '30000',
  })
  const { url, databaseUrl } = leaving

  // Under way when the signal comes: waits for the database, a silent connection, a body that is
  // half sent, and creates.
  const slow = newUser()
  const task = await createBy(url, slow)
  const release = await hold(databaseUrl, `select from tasks where id = '${task}' for update`)
  const flip = () => send(url, 'PATCH', `/api/tasks/${task}/complete`, slow)
  const waiting = Array.from({ length: 60 }, flip)
  const inDatabase = async () => {
    const { of } = await readMetrics(url)
    return of('db_pool_waiting') + of('db_pool_connections{state="in_use"}')
  }
  await expect.poll(inDatabase).toBe(waiting.length)
  const silentClosed = once(await openSocket(url), 'close')
  const body = '{"title":"sent while the service stops"}'
  const half = await openSocket(url)
  const length = `Content-Length: ${body.length}`
  half.write((await headBy(newUser(), 'POST /api/tasks', length)) + body.slice(0, 10))
  let isOver = false
  const statuses: number[] = []
  const load = Array.from({ length: 6 }, async () => {
    const user = newUser()
    while (!isOver) {
      statuses.push((await send(url, 'POST', '/api/tasks', user, { title: 'x' })).status)
    }
  })
  await expect.poll(() => statuses.length).toBeGreaterThan(10)

  // To each process, as some init programs send it, so that workers get it twice and more.
  const signal = () => process.kill(-(leaving.process.pid ?? Number.NaN), 'SIGTERM')
  signal()
  const readiness = async () => {
    const { status, headers } = await send(url, 'GET', '/health/ready')
    return `${status} ${headers.get('connection')}`
  }
  await expect.poll(readiness, { interval: 10 }).toBe('503 close')
  isOver = true
  await Promise.all(load)
  expect(new Set(statuses)).toEqual(new Set([201]))
  const later = () => readiness().catch(() => 'refused')
  await expect.poll(later).toBe('refused')
  signal()
  await silentClosed

  await release()
  for (const { status, headers } of await Promise.all(waiting)) {
    expect([status, headers.get('connection')]).toEqual([200, 'close'])
  }
  const finished = text(half)
  half.write(body.slice(10))
  expect(await finished).toMatch(/^HTTP\/1.1 201 [\s\S]*sent while the service stops/)
  expect(await endOf(leaving), leaving.output()).toBe(0)
  const stored = await runSql(databaseUrl, "select from tasks where title = 'x'")
  expect(stored).toHaveLength(statuses.length)
  expect(leaving.output()).not.toMatch(/unhandled|uncaught/i)
})
