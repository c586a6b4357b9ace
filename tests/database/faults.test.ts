import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import { type FaultProxy, startFaultProxy } from '#tests/support/fault-proxy'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { createBy, type Sent, send } from '#tests/support/send'
import { type Service, startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
const deadlineMs = 2000
/** What a busy machine may add to a deadline. */
const slackMs = 1500
const user = newUser()

let proxy: FaultProxy
let service: Service
let direct: string

beforeAll(async () => {
  proxy = await startFaultProxy(server.port)
  const name = await createDatabase(server)
  direct = server.url(name)
  service = await startService('node', {
    DATABASE_URL: postgresAt(proxy.port).url(name),
    DATABASE_TIMEOUT_MS: String(deadlineMs),
    DATABASE_POOL_SIZE: '4',
    DATABASE_QUEUE_LIMIT: '20',
  })
})
afterAll(async () => {
  await service?.stop()
  await proxy?.close()
})
afterEach(async () => {
  proxy.mode = 'pass'
  expect(service.process.exitCode, service.output()).toBeNull()
  await recovered()
})

const list = () => send(service.url, 'GET', '/api/tasks', user)
const flip = (id: string) => send(service.url, 'PATCH', `/api/tasks/${id}/complete`, user)
const stored = (id: string) =>
  runSql(direct, `select title, completed, version from tasks where id = '${id}'`)

/** Service returns by itself within 5 s of the database. */
async function recovered(): Promise<void> {
  for (const end = performance.now() + 5000; performance.now() < end; await sleep(50)) {
    if ((await list()).status === 200) return
  }
  throw new Error('The service did not return within 5 s of the database.')
}

function expectUnavailable(answer: Sent): void {
  expect(answer.status, answer.text).toBe(503)
  expect(answer.headers.get('retry-after')).toMatch(/^\d+$/)
  expect(answer.json()).toMatchObject({ code: 'database_unavailable' })
  expect(answer.durationMs).toBeLessThan(deadlineMs + slackMs)
}

test('a database that refuses is a 503 within the deadline, for reads and writes', async () => {
  const id = await createBy(service.url, user)
  proxy.mode = 'refuse'
  proxy.reset()
  const answers = await Promise.all([list(), flip(id), list()])
  answers.forEach(expectUnavailable)
  expect(await stored(id)).toMatchObject([{ version: 1 }])
})

test('a database that stalls is a 503 within the deadline, for reads and writes', async () => {
  const id = await createBy(service.url, user)
  proxy.mode = 'stall'
  const answers = await Promise.all([list(), flip(id), list(), list(), list(), list()])
  for (const answer of answers) {
    expect(answer.status, answer.text).toBe(503)
    expect(answer.durationMs).toBeLessThan(deadlineMs + slackMs)
  }
  proxy.reset()
})

test('a refusal that passes is not noticed: reads and writes wait for it', async () => {
  const id = await createBy(service.url, user)
  proxy.mode = 'refuse'
  proxy.reset()
  const answers = Promise.all([list(), flip(id)])
  await sleep(60)
  proxy.mode = 'pass'
  expect((await answers).map(({ status }) => status)).toEqual([200, 200])
  expect(await stored(id)).toMatchObject([{ completed: true, version: 2 }])
})

test('idle connections that are reset cost no request, and do not end the process', async () => {
  await Promise.all([list(), list(), list(), list()])
  for (let round = 0; round < 5; round += 1) {
    proxy.reset()
    const answers = await Promise.all([list(), list(), list(), list()])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  }
})

test('connections that are reset under load lose no read', async () => {
  const answers: Promise<Sent>[] = []
  for (let round = 0; round < 40; round += 1) {
    answers.push(list())
    if (round % 10 === 5) proxy.reset()
    await sleep(4)
  }
  const statuses = new Set((await Promise.all(answers)).map(({ status }) => status))
  expect([...statuses]).toEqual([200])
})

test('a create whose answer is lost is sent again, and is there once', async () => {
  await list()
  proxy.mode = 'cut answers'
  const title = `lost ${crypto.randomUUID()}`
  const creating = send(service.url, 'POST', '/api/tasks', user, { title })
  await sleep(40)
  proxy.mode = 'pass'
  expect((await creating).status).toBe(201)
  expect(await runSql(direct, `select version from tasks where title = '${title}'`)).toEqual([
    { version: 1 },
  ])
})

test('a flip, an update and a delete whose answers are lost are not sent twice', async () => {
  const ids = await Promise.all([1, 2, 3].map(() => createBy(service.url, user)))
  const [flipped = '', updated = '', deleted = ''] = ids
  await Promise.all([list(), list(), list(), list()])
  proxy.mode = 'cut answers'
  const answers = await Promise.all([
    flip(flipped),
    send(service.url, 'PATCH', `/api/tasks/${updated}`, user, { title: 'Changed' }),
    send(service.url, 'DELETE', `/api/tasks/${deleted}`, user),
  ])
  answers.forEach(expectUnavailable)
  proxy.mode = 'pass'
  expect(await stored(flipped)).toMatchObject([{ completed: true, version: 2 }])
  expect(await stored(updated)).toMatchObject([{ title: 'Changed', version: 2 }])
  expect(await stored(deleted)).toEqual([])
})

test('a flip that waits for a lock is given up by Postgres, changes nothing and keeps the connection', async () => {
  const id = await createBy(service.url, user)
  const holder = new Client({ connectionString: direct })
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
  const id = await createBy(service.url, user)
  const holder = new Client({ connectionString: direct })
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

test('more requests than the queue takes are refused at once, and the rest are served', async () => {
  proxy.delayMs = 50
  const answers = await Promise.all(Array.from({ length: 60 }, list))
  proxy.delayMs = 0
  const refused = answers.filter(({ status }) => status === 503)
  expect(refused.length).toBeGreaterThan(0)
  expect(refused[0]?.json()).toMatchObject({ code: 'overloaded' })
  expect(refused[0]?.headers.get('retry-after')).toMatch(/^\d+$/)
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(20)
  expect(answers.every(({ status }) => status === 200 || status === 503)).toBe(true)
})

test('a service that starts while the database is away serves 503, and heals by itself', async () => {
  const name = await createDatabase(server)
  proxy.mode = 'refuse'
  const late = await startService('node', {
    DATABASE_URL: postgresAt(proxy.port).url(name),
    DATABASE_TIMEOUT_MS: String(deadlineMs),
  })
  try {
    expectUnavailable(await send(late.url, 'GET', '/api/tasks', user))
    expect((await send(late.url, 'GET', '/health/ready')).status).toBe(503)
    expect((await send(late.url, 'GET', '/health')).status).toBe(200)
    proxy.mode = 'stall'
    const stalled = await send(late.url, 'GET', '/api/tasks', user)
    expect(stalled.status).toBe(503)
    expect(stalled.durationMs).toBeLessThan(deadlineMs + slackMs)
    proxy.reset()
    proxy.mode = 'pass'
    const backAt = performance.now()
    while ((await send(late.url, 'GET', '/api/tasks', user)).status !== 200) {
      expect(performance.now() - backAt).toBeLessThan(5000)
      await sleep(50)
    }
    expect((await send(late.url, 'GET', '/health/ready')).status).toBe(200)
  } finally {
    await late.stop()
  }
})
