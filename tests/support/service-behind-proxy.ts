import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, inject } from 'vitest'
import { type FaultProxy, startFaultProxy } from '#tests/support/fault-proxy'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { createAtOne, type Sent, send } from '#tests/support/send'
import { type Service, startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

export const deadlineMs = 4000
/** What a busy machine may add to a deadline. */
export const slackMs = 2500
export const user = newUser()

/**
 * Registers a service for the tests of a file, with a network in front of its Postgres that can
 * fail. After each test the network is mended, and the service must return by itself within 5 s.
 */
export function serveBehindProxy() {
  const running = {} as { proxy: FaultProxy; service: Service; direct: string }

  beforeAll(async () => {
    const server = postgresAt(inject('postgresPort'))
    const name = await createDatabase(server)
    running.direct = server.url(name)
    running.proxy = await startFaultProxy(server.port)
    running.service = await startService('node', {
      DATABASE_URL: postgresAt(running.proxy.port).url(name),
      DATABASE_TIMEOUT_MS: String(deadlineMs),
      DATABASE_POOL_SIZE: '4',
      DATABASE_QUEUE_LIMIT: '20',
    })
  })
  afterAll(async () => {
    await running.service?.stop()
    await running.proxy?.close()
  })
  afterEach(async () => {
    running.proxy.mode = 'pass'
    expect(running.service.process.exitCode, running.service.output()).toBeNull()
    const end = performance.now() + 5000
    while ((await list()).status !== 200) {
      expect(performance.now(), 'the service returns within 5 s').toBeLessThan(end)
      await sleep(50)
    }
  })

  const ask = (
    method: string,
    path: string,
    body?: unknown,
    as = user,
    headers: Record<string, string> = {},
  ) => send(running.service.url, method, path, as, body, headers)
  const list = (as = user) => ask('GET', '/api/tasks', undefined, as)
  return {
    running,
    create: (as = user) => createAtOne(running.service.url, running.direct, as),
    ask,
    list,
    flip: (id: string, as = user) => ask('PATCH', `/api/tasks/${id}/complete`, undefined, as),
    stored: (id: string) =>
      runSql(running.direct, `select title, completed, version from tasks where id = '${id}'`),
  }
}

/** The answer in an outage: 503, when to come back, and no later than the deadline. */
export function expectUnavailable(answer: Sent): void {
  expect(answer.status, answer.text).toBe(503)
  expect(answer.headers.get('retry-after')).toMatch(/^\d+$/)
  expect(answer.json()).toMatchObject({ code: 'database_unavailable' })
  expect(answer.durationMs).toBeLessThan(deadlineMs + slackMs)
}
