import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deadlineMs, host, slackMs } from '#tests/failures/world'
import { createDatabase, type PostgresServer, runSql, startPostgres } from '#tests/support/postgres'
import { type Answer, send } from '#tests/support/send'
import { type Service, startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

let server: PostgresServer
let service: Service
let direct: string

beforeAll(async () => {
  server = await startPostgres({ isDurable: true })
  direct = server.url(await createDatabase(server))
  const env = { DATABASE_URL: direct, DATABASE_TIMEOUT_MS: String(deadlineMs) }
  service = await startService(host, env)
})
afterAll(async () => {
  await service?.stop('SIGKILL')
  await server?.remove()
})

const answers: Answer[] = []

async function ask(user: string, method: string, path: string, body?: object): Promise<Answer> {
  const answer = await send(service.url, method, path, user, body)
  answers.push(answer)
  return answer
}

/** Creates, flips and deletes tasks until it is told to stop. @returns the statuses of each task's answers */
async function work(isOver: () => boolean) {
  const user = newUser()
  const told: { title: string; created: number; flipped?: number; deleted?: number }[] = []
  for (let round = 0; !isOver(); round += 1) {
    const title = `${user} ${round}`
    const created = await ask(user, 'POST', '/api/tasks', { title })
    const task: (typeof told)[number] = { title, created: created.status }
    told.push(task)
    if (created.status !== 201) continue
    const path = `/api/tasks/${created.json()['id']}`
    task.flipped = (await ask(user, 'PATCH', `${path}/complete`)).status
    if (round % 3 === 0) task.deleted = (await ask(user, 'DELETE', path)).status
  }
  return told
}

/** What may be true of what was answered so: either, if it was a 503. */
const either = (status: number | undefined, meaning: boolean) =>
  status === 503 ? [true, false] : [status === undefined ? !meaning : meaning]

test('Postgres is killed and started again under load, twice, and nothing acknowledged is lost', async () => {
  let isOver = false
  const working = Promise.all(Array.from({ length: 8 }, () => work(() => isOver)))
  for (let outage = 0; outage < 2; outage += 1) {
    await sleep(800)
    await server.kill()
    await sleep(500)
    await server.restart()
    while ((await ask(newUser(), 'GET', '/api/tasks')).status !== 200) await sleep(20)
  }
  await sleep(500)
  isOver = true
  const told = (await working).flat()

  const failed = answers.filter(({ status }) => status >= 400)
  expect(new Set(failed.map(({ status }) => status))).toEqual(new Set([503]))
  for (const answer of failed) {
    expect(answer.durationMs).toBeLessThan(deadlineMs + slackMs)
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/)
  }
  const rows = await runSql(direct, 'select title, completed from tasks')
  const found = Map.groupBy(rows, (row) => row['title'])
  for (const { title, created, flipped, deleted } of told) {
    const [task, ...more] = found.get(title) ?? []
    expect(more, `${title} was created twice`).toEqual([])
    const isThere = deleted === undefined ? either(created, true) : either(deleted, false)
    expect(isThere, `${title}, and whether it is there`).toContain(task !== undefined)
    if (task !== undefined) expect(either(flipped, true), title).toContain(task['completed'])
  }
  expect(service.process.exitCode).toBeNull()
  expect(service.output()).not.toMatch(/unhandled|uncaught/i)
  expect((await send(service.url, 'GET', '/health/ready')).status).toBe(200)
})
