import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, expect, test } from 'vitest'
import { newPerson } from '#tests/failures/requests'
import { deadlineMs, openWorld, slackMs } from '#tests/failures/world'
import { type Answer, createAtOne, send } from '#tests/support/send'

const world = await openWorld({ DATABASE_POOL_SIZE: '4' })
const { id: user } = await newPerson(world)

afterEach(async () => {
  world.proxy.mode = 'pass'
  await world.recovers()
})
afterAll(world.close)

/** Every answer comes within the deadline, whatever has happened to the network. */
async function ask(method: string, path: string, body?: unknown, headers = {}) {
  const answer = await send(world.url, method, path, user, body, headers)
  expect(answer.durationMs, `${method} ${path}`).toBeLessThan(deadlineMs + slackMs)
  return answer
}
const list = () => ask('GET', '/api/tasks')
const create = () => createAtOne(world.url, world.direct, user)
const stored = (id: string) =>
  world.sql(`select title, completed, version from tasks where id = '${id}'`)
const statuses = (answers: { status: number }[]) => answers.map(({ status }) => status)

test('a refusal that passes is not noticed: reads and writes wait for it', async () => {
  const id = await create()
  world.proxy.mode = 'refuse'
  world.proxy.reset()
  const answers = Promise.all([list(), ask('PATCH', `/api/tasks/${id}/complete`)])
  await sleep(60)
  world.proxy.mode = 'pass'
  expect(statuses(await answers)).toEqual([200, 200])
  expect(await stored(id)).toMatchObject([{ completed: true, version: 2 }])
})

test('idle connections that are reset cost no request, and do not end the process', async () => {
  for (let round = 0; round < 5; round += 1) {
    const answers = await Promise.all([list(), list(), list(), list()])
    expect(statuses(answers)).toEqual([200, 200, 200, 200])
    world.proxy.reset()
  }
})

test('a read or a create whose answer is lost is sent again, and happens once, as no replay of itself', async () => {
  const createWithKey = () =>
    ask('POST', '/api/tasks', { title: 'lost' }, { 'idempotency-key': 'lost' })
  const answers: Answer[] = []
  for (const send of [list, createWithKey]) {
    const before = world.proxy.lostAnswers
    world.proxy.mode = 'cut answers'
    const asked = send()
    while (world.proxy.lostAnswers === before) await sleep(1)
    world.proxy.mode = 'pass'
    answers.push(await asked)
  }
  answers.push(await createWithKey())
  expect(statuses(answers)).toEqual([200, 201, 200])
  expect(answers[2]?.text).toBe(answers[1]?.text)
  const tasks = `select from tasks where user_id = '${user}' and title = 'lost'`
  expect(await world.sql(tasks)).toHaveLength(1)
})

/** Each write that must not be sent twice, and what is there where it was sent once. */
const writes = [
  ['PATCH', '/complete', undefined, [{ completed: true, version: 2 }]],
  ['PATCH', '/complete', { completed: true }, [{ completed: true, version: 2 }]],
  ['PATCH', '', { title: 'New' }, [{ title: 'New', version: 2 }]],
  ['DELETE', '', undefined, []],
] as const
const conditions = [{}, { 'if-match': '"1"' }, { 'if-none-match': '"7"' }]

test.each(conditions.flatMap((headers) => writes.map((write) => [headers, ...write] as const)))(
  'where the answer is lost with headers %o to %s /api/tasks/{id}%s, it is not sent twice, and what is answered says to read',
  async (headers, method, path, body, left) => {
    const id = await create()
    const before = world.proxy.lostAnswers
    world.proxy.mode = 'cut answers'
    const answer = await ask(method, `/api/tasks/${id}${path}`, body, headers)
    expect(world.proxy.lostAnswers - before, 'one answer was lost').toBe(1)
    expect(answer.status, answer.text).toBe(503)
    expect(answer.json()['detail']).toContain('Read before you repeat')
    expect(await stored(id)).toMatchObject(left)
  },
)

test('a read whose answers are lost says that nothing was changed', async () => {
  world.proxy.mode = 'cut answers'
  const answer = await list()
  expect(answer.status, answer.text).toBe(503)
  expect(answer.json()['detail']).toContain('Nothing was changed')
})

const askReady = () => send(world.url, 'GET', '/health/ready')
/** Readiness is remembered for a second. */
const untilForgottenMs = 1100

test('however many ask for readiness at once, the database is asked once, and not again for a second', async () => {
  await askReady()
  await sleep(untilForgottenMs)
  const before = world.proxy.exchanges
  const startedAt = performance.now()
  const answers = await Promise.all(Array.from({ length: 50 }, askReady))
  expect(new Set(statuses(answers))).toEqual(new Set([200]))
  // A machine that is busy may take longer than a second for all of them.
  const seconds = Math.ceil((performance.now() - startedAt) / 1000)
  expect(world.proxy.exchanges - before).toBeLessThanOrEqual(seconds)
  const after = world.proxy.exchanges
  await sleep(untilForgottenMs)
  expect((await askReady()).status).toBe(200)
  expect(world.proxy.exchanges - after).toBe(1)
})
