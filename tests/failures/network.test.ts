import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { openWorld, type World } from '#tests/failures/world'
import { endWaitingSession, holdTasks } from '#tests/support/locked-tasks'
import { createAtOne, send } from '#tests/support/send'
import { newUser } from '#tests/support/tokens'

let world: World
let user: string

beforeAll(async () => {
  world = await openWorld({ DATABASE_POOL_SIZE: '4', DATABASE_QUEUE_LIMIT: '20' })
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

const ask = (method: string, path: string, body?: unknown) =>
  send(world.url, method, path, user, body)
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
    while (!isOver) seen.add((await list()).status)
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

test('more requests than the queue takes are refused at once, and the rest are served', async () => {
  world.proxy.delayMs = 50
  // Each of a user of its own, since one user may not have the whole queue.
  const sent = Array.from({ length: 60 }, () => send(world.url, 'GET', '/api/tasks', newUser()))
  const answers = await Promise.all(sent)
  world.proxy.delayMs = 0
  const refused = answers.filter(({ status }) => status === 503)
  expect(refused.length).toBeGreaterThan(0)
  expect(new Set(refused.map((answer) => answer.json()['code']))).toEqual(new Set(['overloaded']))
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(20)
  expect(new Set(statuses(answers))).toEqual(new Set([200, 503]))
})

test('a create whose answer is lost is sent again, and is there once', async () => {
  await list()
  const lostBefore = world.proxy.lost
  await world.sql(
    'create sequence attempts',
    `create function count_attempt() returns trigger language plpgsql security definer as
      $$ begin perform nextval('attempts'); return new; end $$`,
    'create trigger counted before insert on tasks for each row execute function count_attempt()',
  )
  world.proxy.mode = 'lose one answer'
  const title = `lost ${crypto.randomUUID()}`
  expect((await ask('POST', '/api/tasks', { title })).status).toBe(201)
  expect(world.proxy.lost - lostBefore).toBe(1)
  const [attempts] = await world.sql('select last_value::int as count from attempts')
  await world.sql('drop trigger counted on tasks')
  expect(attempts?.['count'], 'both attempts reached the table').toBe(2)
  expect(await world.sql(`select from tasks where title = '${title}'`)).toHaveLength(1)
})

test('a flip, an update and a delete whose answers are lost are not sent twice', async () => {
  const ids = await Promise.all([create(), create(), create()])
  const [flipped = '', updated = '', deleted = ''] = ids
  await Promise.all([list(), list(), list(), list()])
  const lostBefore = world.proxy.lost
  world.proxy.mode = 'cut answers'
  const answers = await Promise.all([
    flip(flipped),
    ask('PATCH', `/api/tasks/${updated}`, { title: 'Changed' }),
    ask('DELETE', `/api/tasks/${deleted}`),
  ])
  world.proxy.mode = 'pass'
  expect(statuses(answers)).toEqual([503, 503, 503])
  expect(world.proxy.lost - lostBefore, 'one answer of each').toBe(3)
  expect(await stored(flipped)).toMatchObject([{ completed: true, version: 2 }])
  expect(await stored(updated)).toMatchObject([{ title: 'Changed', version: 2 }])
  expect(await stored(deleted)).toEqual([])
})

test('a flip that waits for a lock is given up by Postgres, and is not done when the lock goes', async () => {
  const id = await create()
  const release = await holdTasks(world.direct)
  expect((await flip(id)).status).toBe(503)
  await release()
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
  await endWaitingSession(world.direct)
  await holder.end()
  expect((await flipping).status).toBe(200)
  expect(await stored(id)).toMatchObject([{ completed: true, version: 2 }])
})
