import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { deadlineMs, host, slackMs } from '#tests/failures/world'
import { atEnd } from '#tests/support/databases'
import { createDatabase, runSql, startPostgres } from '#tests/support/postgres'
import { type Answer, send } from '#tests/support/send'
import { serve } from '#tests/support/serve'
import { newUser } from '#tests/support/tokens'

type Ask = (user: string, method: string, path: string, body?: object) => Promise<Answer>

/** Creates, flips and deletes tasks until it is told to stop. @returns the statuses of each task's answers */
async function work(ask: Ask, isOver: () => boolean) {
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
  const server = await startPostgres({ isDurable: true })
  atEnd(server.remove)
  const DATABASE_URL = server.url(await createDatabase(server))
  const env = { DATABASE_URL, DATABASE_TIMEOUT_MS: String(deadlineMs) }
  await using service = await serve(host, env)
  const answers: Answer[] = []
  const ask: Ask = async (user, method, path, body) => {
    const answer = await send(service.url, method, path, user, body)
    answers.push(answer)
    return answer
  }

  let isOver = false
  const working = Promise.all(Array.from({ length: 8 }, () => work(ask, () => isOver)))
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
  const rows = await runSql(DATABASE_URL, 'select title, completed from tasks')
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
