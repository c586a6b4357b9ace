import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDatabase, type PostgresServer, runSql, startPostgres } from '#tests/support/postgres'
import { createBy, type Sent, send } from '#tests/support/send'
import { type Service, startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

const deadlineMs = 2000
const slackMs = 1500
const workers = 8

let server: PostgresServer
let service: Service
let direct: string

beforeAll(async () => {
  server = await startPostgres({ isDurable: true })
  direct = server.url(await createDatabase(server))
  service = await startService('node', {
    DATABASE_URL: direct,
    DATABASE_TIMEOUT_MS: String(deadlineMs),
  })
})
afterAll(async () => {
  await service?.stop()
  await server?.remove()
})

/** What a client was told, and what it was left in doubt of. */
interface Ledger {
  readonly user: string
  readonly flipped: { readonly id: string; acknowledged: number; inDoubt: number }
  readonly titles: { readonly id: string; acknowledged: string; inDoubt: string[] }
  readonly created: Map<string, string>
  readonly doubtfulTitles: string[]
  readonly deleted: Set<string>
  readonly doubtfulDeletes: Set<string>
  readonly answers: Sent[]
}

async function openLedger(): Promise<Ledger> {
  const user = newUser()
  const flipped = await createBy(service.url, user)
  const titled = await createBy(service.url, user, 'title 0')
  return {
    user,
    flipped: { id: flipped, acknowledged: 0, inDoubt: 0 },
    titles: { id: titled, acknowledged: 'title 0', inDoubt: [] },
    created: new Map(),
    doubtfulTitles: [],
    deleted: new Set(),
    doubtfulDeletes: new Set(),
    answers: [],
  }
}

/** One client that reads, creates, flips, renames and deletes until it is told to stop. */
async function work(ledger: Ledger, isOver: () => boolean): Promise<void> {
  const { user, flipped, titles, answers } = ledger
  const ask = async (method: string, path: string, body?: unknown) => {
    const answer = await send(service.url, method, path, user, body)
    answers.push(answer)
    return answer
  }
  for (let round = 1; !isOver(); round += 1) {
    const title = `created ${round}`
    const created = await ask('POST', '/api/tasks', { title })
    if (created.status === 201) ledger.created.set(String(created.json()['id']), title)
    else ledger.doubtfulTitles.push(title)

    const flip = await ask('PATCH', `/api/tasks/${flipped.id}/complete`)
    if (flip.status === 200) flipped.acknowledged += 1
    else flipped.inDoubt += 1

    const rename = await ask('PUT', `/api/tasks/${titles.id}`, { title: `title ${round}` })
    if (rename.status === 200) {
      titles.acknowledged = `title ${round}`
      titles.inDoubt = []
    } else titles.inDoubt.push(`title ${round}`)

    await ask('GET', '/api/tasks?limit=5')
    if (round % 3 === 0 && created.status === 201) {
      const id = String(created.json()['id'])
      const deleted = await ask('DELETE', `/api/tasks/${id}`)
      ;(deleted.status === 204 ? ledger.deleted : ledger.doubtfulDeletes).add(id)
    }
  }
}

async function check(ledger: Ledger): Promise<void> {
  const rows = await runSql(
    direct,
    `select id::text, title, version, completed from tasks where user_id = '${ledger.user}'`,
  )
  const byId = new Map(rows.map((row) => [row['id'], row]))
  for (const [id, title] of ledger.created) {
    if (ledger.deleted.has(id)) expect(byId.has(id), 'a deleted task came back').toBe(false)
    else if (!ledger.doubtfulDeletes.has(id)) {
      expect(byId.get(id), 'an acknowledged task is lost').toMatchObject({ title, version: 1 })
    }
  }
  const { flipped, titles } = ledger
  const flips = Number(byId.get(flipped.id)?.['version']) - 1
  expect(flips).toBeGreaterThanOrEqual(flipped.acknowledged)
  expect(flips).toBeLessThanOrEqual(flipped.acknowledged + flipped.inDoubt)
  expect(byId.get(flipped.id)?.['completed']).toBe(flips % 2 === 1)
  expect([titles.acknowledged, ...titles.inDoubt]).toContain(byId.get(titles.id)?.['title'])

  const made = rows
    .map((row) => String(row['title']))
    .filter((title) => title.startsWith('created'))
  expect(new Set(made).size, 'a task was created twice').toBe(made.length)
  const known = new Set([...ledger.created.values(), ...ledger.doubtfulTitles])
  expect(made.filter((title) => !known.has(title))).toEqual([])
}

test('Postgres is killed and started again under load, twice, and nothing acknowledged is lost', {
  timeout: 90_000,
}, async () => {
  const ledgers = await Promise.all(Array.from({ length: workers }, openLedger))
  let isOver = false
  const working = Promise.all(ledgers.map((ledger) => work(ledger, () => isOver)))
  const outages: { downMs: number; backMs: number }[] = []
  for (let outage = 0; outage < 2; outage += 1) {
    await sleep(800)
    const killedAt = performance.now()
    await server.kill()
    await sleep(500)
    await server.restart()
    const upAt = performance.now()
    while ((await send(service.url, 'GET', '/api/tasks?limit=1', newUser())).status !== 200) {
      expect(performance.now() - upAt, 'service returns within 5 s').toBeLessThan(5000)
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
  for (const ledger of ledgers) await check(ledger)
  expect(service.process.exitCode).toBeNull()
  expect(service.output()).not.toMatch(/unhandled|uncaught/i)
  expect((await send(service.url, 'GET', '/health/ready')).status).toBe(200)

  const slowest = Math.max(...failed.map(({ durationMs }) => durationMs))
  const times = outages.map(({ downMs, backMs }) => `${downMs.toFixed(0)}+${backMs.toFixed(0)}`)
  console.info(
    `${answers.length} requests, ${failed.length} of them 503 (slowest ${slowest.toFixed(0)} ms), down and back in ms: ${times.join(', ')}`,
  )
})
