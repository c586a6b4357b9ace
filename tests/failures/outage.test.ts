import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkLedger, openLedger, work } from '#tests/failures/ledger'
import { host } from '#tests/failures/world'
import { createDatabase, type PostgresServer, startPostgres } from '#tests/support/postgres'
import { send } from '#tests/support/send'
import { type Service, startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

const deadlineMs = 4000
const slackMs = 60_000
const workers = 8

let server: PostgresServer
let service: Service
let direct: string

beforeAll(async () => {
  server = await startPostgres({ isDurable: true })
  direct = server.url(await createDatabase(server))
  service = await startService(host, {
    DATABASE_URL: direct,
    DATABASE_TIMEOUT_MS: String(deadlineMs),
  })
})
afterAll(async () => {
  await service?.stop('SIGKILL')
  await server?.remove()
})
test('Postgres is killed and started again under load, twice, and nothing acknowledged is lost', async () => {
  const ledgers = await Promise.all(
    Array.from({ length: workers }, () => openLedger(service.url, direct)),
  )
  let isOver = false
  const working = Promise.all(ledgers.map((ledger) => work(service.url, ledger, () => isOver)))
  const outages: { downMs: number; backMs: number }[] = []
  for (let outage = 0; outage < 2; outage += 1) {
    await sleep(800)
    const killedAt = performance.now()
    await server.kill()
    await sleep(500)
    await server.restart()
    const upAt = performance.now()
    while ((await send(service.url, 'GET', '/api/tasks?limit=1', newUser())).status !== 200) {
      await sleep(20)
    }
    outages.push({ downMs: upAt - killedAt, backMs: performance.now() - upAt })
  }
  await sleep(500)
  isOver = true
  await working

  const answers = ledgers.flatMap((ledger) => ledger.answers)
  const failed = answers.filter(({ status }) => status >= 400)
  expect(new Set(failed.map(({ status }) => status))).toEqual(new Set([503]))
  for (const answer of failed) {
    expect(answer.durationMs).toBeLessThan(deadlineMs + slackMs)
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/)
  }
  for (const ledger of ledgers) await checkLedger(direct, ledger)
  expect(service.process.exitCode).toBeNull()
  expect(service.output()).not.toMatch(/unhandled|uncaught/i)
  expect((await send(service.url, 'GET', '/health/ready')).status).toBe(200)

  const slowest = Math.max(...failed.map(({ durationMs }) => durationMs))
  const times = outages.map(({ downMs, backMs }) => `${downMs.toFixed(0)}+${backMs.toFixed(0)}`)
  console.info(
    `On ${host}: ${answers.length} requests, ${failed.length} of them 503 (slowest ${slowest.toFixed(0)} ms), down and back in ms: ${times.join(', ')}`,
  )
})
