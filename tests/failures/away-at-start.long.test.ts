import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { walls } from '#tests/failures/broken-walls'
import { deadlineMs, host, slackMs } from '#tests/failures/world'
import { makeReady, newDatabase, startNetwork } from '#tests/support/databases'
import { hold } from '#tests/support/locked-tasks'
import { logLines } from '#tests/support/log-lines'
import { send } from '#tests/support/send'
import { endOf, launch, startService } from '#tests/support/service'
import { folderOf } from '#tests/support/shared'
import { newUser } from '#tests/support/tokens'

test('a service that starts while the database is away, or another process migrates it, serves 503 in time, and heals by itself', async () => {
  const { name, url: direct } = await newDatabase()
  const network = await startNetwork()
  network.mode = 'refuse'
  const user = newUser()
  await using late = await startService(host, {
    DATABASE_URL: network.url(name),
    DATABASE_TIMEOUT_MS: String(deadlineMs),
    BETTER_AUTH_URL: '',
  })
  const ready = async () => (await send(late.url, 'GET', '/health/ready')).status
  const list = () => send(late.url, 'GET', '/api/tasks', user)
  const expectRefused = async () => {
    const answer = await list()
    expect(answer.status, answer.text).toBe(503)
    expect(answer.json()).toMatchObject({ code: 'database_unavailable' })
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/)
    // A migration itself may take a minute.
    expect(answer.durationMs).toBeLessThan(deadlineMs + slackMs)
  }
  // The lock of the migrations.
  const release = await hold(direct, 'select pg_advisory_xact_lock(7236401955)')
  for (const mode of ['refuse', 'stall'] as const) {
    network.mode = mode
    await expectRefused()
    expect(await ready()).toBe(503)
    expect((await send(late.url, 'GET', '/health')).status).toBe(200)
  }
  const events = logLines(late.output()).map(({ event, level }) => `${level} ${event}`)
  expect(events).toContain('error database_away_at_start')
  expect(events).toContain('warn no_key_set')
  network.reset()
  network.mode = 'pass'
  for (let asked = 0; asked < 2; asked += 1) await expectRefused()
  await release()
  while ((await list()).status !== 200 || (await ready()) !== 200) await sleep(50)
})

// A function of Vercel's is started by its first request, and its platform reports how it ended.
test.skipIf(host === 'vercel')(
  'a broken wall ends the start with 1, and says what to run',
  async () => {
    const { url, sql } = await newDatabase()
    await makeReady(url)
    const [wall] = walls
    await sql(wall.breakIt)
    const refused = launch(host, { DATABASE_URL: url, PORT: '0' }, await folderOf(host))
    expect(await endOf(refused)).toBe(1)
    expect(refused.output()).toContain(wall.remedy)
  },
)
