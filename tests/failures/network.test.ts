import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { deadlineMs, openWorld, slackMs, type World } from '#tests/failures/world'
import { endWaitingSession, holdTasks } from '#tests/support/locked-tasks'
import { createAtOne, send } from '#tests/support/send'
import { newUser } from '#tests/support/tokens'

let world: World
let user: string

beforeAll(async () => {
  world = await openWorld({ DATABASE_POOL_SIZE: '4' })
})
beforeEach(async () => {
  user = newUser()
  await world.sql(`insert into users values ('${user}', 'Anna', true)`)
})
afterEach(async () => {
  world.proxy.mode = 'pass'
  await world.recovers()
})
afterAll(() => world?.close())

/** Every answer comes within the deadline, whatever has happened to the network. */
async function ask(method: string, path: string, body?: unknown, headers = {}) {
  const answer = await send(world.url, method, path, user, body, headers)
  expect(answer.durationMs, `${method} ${path}`).toBeLessThan(deadlineMs + slackMs)
  return answer
}
const list = () => ask('GET', '/api/tasks')
const create = () => createAtOne(world.url, world.direct, user)
const flip = (id: string) => ask('PATCH', `/api/tasks/${id}/complete`)
const stored = (id: string) =>
  world.sql(`select title, completed, version from tasks where id = '${id}'`)
const statuses = (answers: { status: number }[]) => answers.map(({ status }) => status)

test('a refusal that passes is not noticed: reads and writes wait for it', async () => {
  const id = await create()
  world.proxy.mode = 'refuse'
  world.proxy.reset()
  const answers = Promise.all([list(), flip(id)])
  await sleep(60)
  world.proxy.mode = 'pass'
  expect(statuses(await answers)).toEqual([200, 200])
  expect(await stored(id)).toMatchObject([{ completed: true, version: 2 }])
})

test('idle connections that are reset cost no request, and do not end the process', async () => {
  await Promise.all([list(), list(), list(), list()])
  for (let round = 0; round < 5; round += 1) {
    world.proxy.reset()
    const answers = await Promise.all([list(), list(), list(), list()])
    expect(statuses(answers)).toEqual([200, 200, 200, 200])
  }
})

test('connections that are reset under load lose no read', async () => {
  let isOver = false
  const seen = new Set<number>()
  const readers = Array.from({ length: 8 }, async () => {
    const reader = newUser()
    while (!isOver) seen.add((await send(world.url, 'GET', '/api/tasks', reader)).status)
  })
  // A read is sent three times at most, so it outlives two resets, wherever they meet it.
  for (let reset = 0; reset < 2; reset += 1) {
    await sleep(150)
    world.proxy.reset()
  }
  await sleep(150)
  isOver = true
  await Promise.all(readers)
  expect([...seen]).toEqual([200])
})

test('a create whose answer is lost is sent again, and is there once', async () => {
  await list()
  await world.sql(
    'create sequence attempts',
    `create function count_attempt() returns trigger language plpgsql security definer as
      $$ begin perform nextval('attempts'); return new; end $$`,
    'create trigger counted before insert on tasks for each row execute function count_attempt()',
  )
  const title = `lost ${crypto.randomUUID()}`
  const before = world.proxy.lostAnswers
  world.proxy.mode = 'cut answers'
  const creating = ask('POST', '/api/tasks', { title })
  while (world.proxy.lostAnswers === before) await sleep(1)
  world.proxy.mode = 'pass'
  expect((await creating).status).toBe(201)
  const [attempts] = await world.sql('select last_value::int as count from attempts')
  await world.sql('drop trigger counted on tasks')
  expect(attempts?.['count'], 'more than one attempt reached the table').toBeGreaterThan(1)
  expect(await world.sql(`select from tasks where title = '${title}'`)).toHaveLength(1)
})

interface Write {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly body?: object
  /** What is there where it was sent once. */
  readonly left: readonly object[]
}

/** Each write that must not be sent twice. */
const writes: Write[] = [
  { name: 'flip', method: 'PATCH', path: '/complete', left: [{ completed: true, version: 2 }] },
  {
    ...{ name: 'set', method: 'PATCH', path: '/complete', body: { completed: true } },
    left: [{ completed: true, version: 2 }],
  },
  {
    ...{ name: 'update', method: 'PATCH', path: '', body: { title: 'New' } },
    left: [{ title: 'New', version: 2 }],
  },
  { name: 'delete', method: 'DELETE', path: '', left: [] },
]
const conditions: Record<string, string>[] = [{}, { 'if-match': '"1"' }, { 'if-none-match': '"7"' }]

test.each(writes.flatMap((write) => conditions.map((headers) => ({ ...write, headers }))))(
  'a $name with $headers whose answer is lost is not sent twice, and the answer says to read',
  async ({ method, path, body, headers, left }) => {
    const id = await create()
    await list()
    const before = world.proxy.lostAnswers
    world.proxy.mode = 'cut answers'
    const answer = await ask(method, `/api/tasks/${id}${path}`, body, headers)
    world.proxy.mode = 'pass'
    expect(world.proxy.lostAnswers - before, 'one answer was lost').toBe(1)
    expect(answer.status, answer.text).toBe(503)
    expect(answer.json()['detail']).toContain('Read before you repeat')
    const stays = await stored(id)
    expect(stays).toHaveLength(left.length)
    expect(stays).toMatchObject(left)
  },
)

test('a read whose answers are lost says that nothing was changed', async () => {
  await list()
  world.proxy.mode = 'cut answers'
  const answer = await list()
  world.proxy.mode = 'pass'
  expect(answer.status, answer.text).toBe(503)
  expect(answer.json()['detail']).toContain('Nothing was changed')
})

test('a flip that waits for a lock is given up, changes nothing, and is not done when the lock goes', async () => {
  const id = await create()
  const release = await holdTasks(world.direct)
  const refused = await flip(id).finally(release)
  expect(refused.status, refused.text).toBe(503)
  expect(refused.json()['detail']).toContain('Nothing was changed')
  const done = await flip(id)
  expect(done.json()).toMatchObject({ completed: true })
  expect(await stored(id)).toMatchObject([{ completed: true, version: 2 }])
})

test('a flip whose connection an administrator ends before it ran is sent again, once', async () => {
  const id = await create()
  const holder = new Client({ connectionString: world.direct })
  await holder.connect()
  await holder.query(`begin; select from tasks where id = '${id}' for update`)
  const flipping = flip(id)
  await endWaitingSession(world.direct).finally(() => holder.end())
  expect((await flipping).status).toBe(200)
  expect(await stored(id)).toMatchObject([{ completed: true, version: 2 }])
})
