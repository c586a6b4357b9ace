import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { expect, inject, test } from 'vitest'
import { walls } from '#tests/failures/broken-walls'
import { deadlineMs, host, slackMs } from '#tests/failures/world'
import { startFaultProxy } from '#tests/support/fault-proxy'
import { logLines } from '#tests/support/log-lines'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { send } from '#tests/support/send'
import { endOf, launch, startService } from '#tests/support/service'
import { folderOf } from '#tests/support/shared'
import { newUser } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))

test('a service that starts while the database is away serves 503, and heals by itself', async () => {
  const name = await createDatabase(server)
  const proxy = await startFaultProxy(server.port)
  proxy.mode = 'refuse'
  const user = newUser()
  await using late = await startService(host, {
    DATABASE_URL: postgresAt(proxy.port).url(name),
    DATABASE_TIMEOUT_MS: String(deadlineMs),
    BETTER_AUTH_URL: '',
  })
  const list = () => send(late.url, 'GET', '/api/tasks', user)
  const ready = async () => (await send(late.url, 'GET', '/health/ready')).status
  try {
    for (const mode of ['refuse', 'stall'] as const) {
      proxy.mode = mode
      const answer = await list()
      expect(answer.status, answer.text).toBe(503)
      expect(answer.json()).toMatchObject({ code: 'database_unavailable' })
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/)
      expect(answer.durationMs).toBeLessThan(deadlineMs + slackMs)
      expect(await ready()).toBe(503)
      expect((await send(late.url, 'GET', '/health')).status).toBe(200)
    }
    const events = logLines(late.output()).map(({ event, level }) => `${level} ${event}`)
    expect(events).toContain('error database_away_at_start')
    expect(events).toContain('warn no_key_set')
    proxy.reset()
    proxy.mode = 'pass'
    while ((await list()).status !== 200 || (await ready()) !== 200) await sleep(50)
  } finally {
    await proxy.close()
  }
})

test('while another process migrates, requests are 503 in time, and served once it is done', async () => {
  const name = await createDatabase(server)
  const proxy = await startFaultProxy(server.port)
  proxy.mode = 'refuse'
  await using late = await startService(host, {
    DATABASE_URL: postgresAt(proxy.port).url(name),
    DATABASE_TIMEOUT_MS: String(deadlineMs),
  })
  const user = newUser()
  const list = () => send(late.url, 'GET', '/api/tasks', user)
  const other = new Client({ connectionString: server.url(name) })
  await other.connect()
  try {
    // The lock of the migrations.
    await other.query('begin; select pg_advisory_xact_lock(7236401955)')
    proxy.mode = 'pass'
    for (let asked = 0; asked < 2; asked += 1) {
      const answer = await list()
      expect(answer.status, answer.text).toBe(503)
      expect(answer.json()).toMatchObject({ code: 'database_unavailable' })
      // A migration itself may take a minute.
      expect(answer.durationMs).toBeLessThan(deadlineMs + slackMs)
    }
    await other.query('commit')
    await expect.poll(async () => (await list()).status).toBe(200)
  } finally {
    await other.end()
    await proxy.close()
  }
})

// A function of Vercel's is started by its first request, and its platform reports how it ended.
test.skipIf(host === 'vercel')(
  'a broken wall ends the start with 1, and says what to run',
  async () => {
    const url = server.url(await createDatabase(server))
    const first = await startService(host, { DATABASE_URL: url })
    await first.stop('SIGKILL')
    const [wall] = walls
    await runSql(url, ...wall.breakIt)
    const refused = launch(host, { DATABASE_URL: url, PORT: '0' }, await folderOf(host))
    expect(await endOf(refused)).toBe(1)
    expect(refused.output()).toContain(wall.remedy)
  },
)
