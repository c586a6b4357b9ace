import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { options } from '#tests/support/databases'
import { type NeonFault, type NeonStandIn, startNeonStandIn } from '#tests/support/neon-stand-in'
import { createDatabase, password, postgresAt, runSql } from '#tests/support/postgres'
import { createAtOne, send } from '#tests/support/send'
import { type Service, startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
const deadlineMs = 4000
const slackMs = 2500
const user = newUser()
const away: NeonFault = {
  status: 400,
  body: JSON.stringify({ message: "Couldn't connect to compute node", code: null }),
}
const failing = (status: number): NeonFault => ({ status, body: 'upstream error' })

let standIn: NeonStandIn
let service: Service
let direct: string

beforeAll(async () => {
  standIn = await startNeonStandIn(server.port, password)
  const name = await createDatabase(server)
  direct = server.url(name)
  service = await startService('node', {
    ...standIn.settings(name),
    DATABASE_TIMEOUT_MS: String(deadlineMs),
    DATABASE_POOL_SIZE: '1',
  })
})
afterAll(async () => {
  await service?.stop('SIGKILL')
  await standIn?.close()
})
afterEach(async () => {
  standIn.faults.length = 0
  expect(service.process.exitCode, service.output()).toBeNull()
  expect((await list()).status).toBe(200)
})

const create = () => createAtOne(service.url, direct, user)
/** Every answer comes within the deadline, whatever Neon does. */
async function ask(method: string, path: string) {
  const answer = await send(service.url, method, path, user)
  expect(answer.durationMs, `${method} ${path}`).toBeLessThan(deadlineMs + slackMs)
  return answer
}
const list = () => ask('GET', '/api/tasks')
const flip = (id: string) => ask('PATCH', `/api/tasks/${id}/complete`)
const stored = (id: string) =>
  runSql(direct, `select completed, version from tasks where id = '${id}'`)

test('a compute that cannot be reached at first costs nothing but time, for reads and writes', async () => {
  const id = await create()
  standIn.faults.push(away, away)
  expect((await flip(id)).status).toBe(200)
  expect(await stored(id)).toEqual([{ completed: true, version: 2 }])
  standIn.faults.push(away, failing(429))
  expect((await list()).status).toBe(200)
})

test('a compute that cannot be reached at all is a 503, and nothing has changed', async () => {
  const id = await create()
  standIn.faults.push(away, away, away)
  const answer = await flip(id)
  expect(answer.status).toBe(503)
  expect(answer.json()).toMatchObject({ code: 'database_unavailable' })
  expect(answer.headers.get('retry-after')).toMatch(/^\d+$/)
  expect(await stored(id)).toEqual([{ completed: false, version: 1 }])
})

test('a suspended compute that takes its time to start is waited for', async () => {
  standIn.faults.push({ delayMs: 700 })
  expect((await list()).status).toBe(200)
})

test('the six requests of a page go out in one round, whatever the pool of other databases has', async () => {
  standIn.faults.push(...Array.from({ length: 6 }, () => ({ delayMs: 2000 })))
  const before = standIn.fetches
  const page = Array.from({ length: 6 }, list)
  await Promise.race(page)
  expect(standIn.fetches - before).toBe(6)
  const statuses = (await Promise.all(page)).map(({ status }) => status)
  expect(new Set(statuses)).toEqual(new Set([200]))
})

test('a compute that never answers is a 503 within the deadline', async () => {
  standIn.faults.push({ delayMs: 10_000 }, { delayMs: 10_000 }, { delayMs: 10_000 })
  const answer = await list()
  expect(answer.status).toBe(503)
})

test('a first attempt that gets no answer leaves time for a second, where that harms nothing', async () => {
  const id = await create()
  const before = standIn.fetches
  standIn.faults.push({ delayMs: 10_000 })
  expect((await list()).status).toBe(200)
  expect(standIn.fetches - before).toBe(2)
  standIn.faults.push({ delayMs: 10_000 })
  expect((await flip(id)).status).toBe(503)
  expect(standIn.fetches - before).toBe(3)
})

describe.each([500, 502, 503, 504])('an answer %i of the proxy', (status) => {
  test('is overcome by a read, and by a create, which is there once', async () => {
    standIn.faults.push(failing(status))
    expect((await list()).status).toBe(200)
    standIn.faults.push(failing(status))
    const title = `after ${status}`
    expect((await send(service.url, 'POST', '/api/tasks', user, { title })).status).toBe(201)
    expect(await runSql(direct, `select from tasks where title = '${title}'`)).toHaveLength(1)
  })

  test('to a flip is a 503, because nobody knows whether it ran', async () => {
    const id = await create()
    standIn.faults.push(failing(status))
    const before = standIn.fetches
    expect((await flip(id)).status).toBe(503)
    expect(standIn.fetches - before).toBe(1)
  })
})

test.each(['lost answer', 'cut'] as const)(
  'after a %s, a flip is not sent again',
  async (fault) => {
    const id = await create()
    standIn.faults.push(fault)
    const before = standIn.fetches
    expect((await flip(id)).status).toBe(503)
    expect(standIn.fetches - before).toBe(1)
    const flips = fault === 'cut' ? 0 : 1
    expect(await stored(id)).toEqual([{ completed: flips === 1, version: 1 + flips }])
  },
)

test('the database of an unknown account or a wrong password is a 503, never a 401', async () => {
  standIn.faults.push({
    status: 400,
    body: JSON.stringify({ message: "password authentication failed for user 'x'", code: '28P01' }),
  })
  expect((await list()).status).toBe(503)
})

test('the driver sends the URL as Neon gave it, and what it takes from its answers', async () => {
  // The stand-in refuses a fetch without the URL and its parameters, or another format of rows.
  const refused = await fetch(standIn.endpoint, { method: 'POST', body: '{"queries":[]}' })
  expect(refused.status).toBe(400)
  const database = await openDatabase({
    ...options,
    url: standIn.url('postgres').replace('sslmode=require&', ''),
  })
  const statement = { sql: 'select 1', parameters: [] }
  await expect(database.transport.transaction([statement], 2000)).rejects.toMatchObject({
    kind: 'unavailable',
  })
  await database.close()
})
