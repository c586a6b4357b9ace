import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { expect, test } from 'vitest'
import { runSql } from '#tests/support/postgres'
import { expectUnavailable, serveBehindProxy, user } from '#tests/support/service-behind-proxy'

const { running, create, ask, list, flip, stored } = serveBehindProxy()

test('a create whose answer is lost is sent again, and is there once', async () => {
  await list()
  running.proxy.mode = 'cut answers'
  const title = `lost ${crypto.randomUUID()}`
  const { lostAnswers } = running.proxy
  const creating = ask('POST', '/api/tasks', { title })
  while (running.proxy.lostAnswers === lostAnswers) await sleep(1)
  running.proxy.mode = 'pass'
  expect((await creating).status).toBe(201)
  expect(await runSql(running.direct, `select from tasks where title = '${title}'`)).toHaveLength(1)
})

/** Each write that must not be sent twice, and what it leaves where it was sent once. */
const writes = [
  { name: 'flip', method: 'PATCH', path: '/complete', left: [{ completed: true, version: 2 }] },
  {
    name: 'set',
    method: 'PATCH',
    path: '/complete',
    body: { completed: true },
    left: [{ version: 2 }],
  },
  {
    name: 'update',
    method: 'PATCH',
    path: '',
    body: { title: 'New' },
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
    const { lostAnswers } = running.proxy
    running.proxy.mode = 'cut answers'
    const answer = await ask(method, `/api/tasks/${id}${path}`, body, user, headers)
    running.proxy.mode = 'pass'
    expectUnavailable(answer)
    expect(answer.json()).toMatchObject({
      detail: expect.stringContaining('Read before you repeat'),
    })
    expect(running.proxy.lostAnswers).toBe(lostAnswers + 1)
    const stays = await stored(id)
    expect(stays).toHaveLength(left.length)
    expect(stays).toMatchObject(left)
  },
)

test('a read whose answers are lost says nothing about changes', async () => {
  await list()
  running.proxy.mode = 'cut answers'
  const answer = await list()
  running.proxy.mode = 'pass'
  expectUnavailable(answer)
  expect(answer.json()).toMatchObject({ detail: expect.stringContaining('Nothing was changed') })
})

test('a flip that waits for a lock is given up by Postgres, changes nothing and keeps the connection', async () => {
  const id = await create()
  const holder = new Client({ connectionString: running.direct })
  await holder.connect()
  await holder.query('begin')
  await holder.query(`select from tasks where id = '${id}' for update`)
  const answer = await flip(id)
  expectUnavailable(answer)
  expect(answer.json()).toMatchObject({ detail: expect.stringContaining('Nothing was changed') })
  await holder.query('rollback')
  await holder.end()
  await sleep(100)
  expect(await stored(id)).toMatchObject([{ version: 1 }])
  expect((await flip(id)).status).toBe(200)
})

test('a flip whose connection an administrator ends before it ran is sent again, once', async () => {
  const id = await create()
  const holder = new Client({ connectionString: running.direct })
  await holder.connect()
  await holder.query('begin')
  await holder.query(`select from tasks where id = '${id}' for update`)
  const flipping = flip(id)
  const waiting = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`
  while ((await holder.query(waiting)).rowCount === 0) await sleep(10)
  await holder.query('rollback')
  await holder.end()
  expect((await flipping).status).toBe(200)
  expect(await stored(id)).toMatchObject([{ completed: true, version: 2 }])
})
