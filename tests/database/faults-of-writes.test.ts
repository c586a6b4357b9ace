import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { expect, test } from 'vitest'
import { runSql } from '#tests/support/postgres'
import { expectUnavailable, serveBehindProxy } from '#tests/support/service-behind-proxy'

const { running, create, ask, list, flip, stored } = serveBehindProxy()

test('a create whose answer is lost is sent again, and is there once', async () => {
  await list()
  running.proxy.mode = 'cut answers'
  const title = `lost ${crypto.randomUUID()}`
  const creating = ask('POST', '/api/tasks', { title })
  await sleep(40)
  running.proxy.mode = 'pass'
  expect((await creating).status).toBe(201)
  expect(await runSql(running.direct, `select from tasks where title = '${title}'`)).toHaveLength(1)
})

test('a flip, an update and a delete whose answers are lost are not sent twice', async () => {
  const ids = await Promise.all([1, 2, 3].map(() => create()))
  const [flipped = '', updated = '', deleted = ''] = ids
  await Promise.all([list(), list(), list(), list()])
  running.proxy.mode = 'cut answers'
  const answers = await Promise.all([
    flip(flipped),
    ask('PATCH', `/api/tasks/${updated}`, { title: 'Changed' }),
    ask('DELETE', `/api/tasks/${deleted}`),
  ])
  answers.forEach(expectUnavailable)
  running.proxy.mode = 'pass'
  expect(await stored(flipped)).toMatchObject([{ completed: true, version: 2 }])
  expect(await stored(updated)).toMatchObject([{ title: 'Changed', version: 2 }])
  expect(await stored(deleted)).toEqual([])
})

test('a flip that waits for a lock is given up by Postgres, changes nothing and keeps the connection', async () => {
  const id = await create()
  const holder = new Client({ connectionString: running.direct })
  await holder.connect()
  await holder.query('begin')
  await holder.query(`select from tasks where id = '${id}' for update`)
  expectUnavailable(await flip(id))
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
