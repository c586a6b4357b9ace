import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { openDatabase } from '#db/database'
import { closeDatabase, setDatabase } from '#lib/service/database'
import { ask, create } from '#tests/database/in-process'
import { makeReady, options } from '#tests/support/databases'
import { startFaultProxy } from '#tests/support/fault-proxy'
import { startNeonStandIn } from '#tests/support/neon-stand-in'
import { createDatabase, password, postgresAt } from '#tests/support/postgres'
import { newUser } from '#tests/support/tokens'

const user = newUser()
const server = postgresAt(inject('postgresPort'))

type Run = (id: string) => Promise<{ status: number }>

/** The eight operations, each with the status that shows that it was carried out. */
const operations: [string, Run, number][] = [
  ['list', () => ask(user, 'GET'), 200],
  ['create', () => ask(user, 'POST', '', { title: 'One' }), 201],
  ['read', (id) => ask(user, 'GET', `/${id}`), 200],
  ['replace', (id) => ask(user, 'PUT', `/${id}`, { title: 'Two' }), 200],
  ['update', (id) => ask(user, 'PATCH', `/${id}`, { title: 'Three' }), 200],
  ['flip', (id) => ask(user, 'PATCH', `/${id}/complete`), 200],
  ['complete', (id) => ask(user, 'PATCH', `/${id}/complete`, { completed: true }), 200],
  ['delete', (id) => ask(user, 'DELETE', `/${id}`), 204],
]

/**
 * What an operation on a task that is there adds to a count: the smaller of two, because once in 1,000
 * permits a service also sweeps the old ones out, on its own.
 */
async function countDuring(run: Run, status: number, count: () => number) {
  const counts: number[] = []
  for (let round = 0; round < 2; round += 1) {
    const id = await create(user)
    const before = count()
    expect((await run(id)).status).toBe(status)
    counts.push(count() - before)
  }
  return Math.min(...counts)
}

const ways = {
  'Postgres over TCP': async () => {
    const proxy = await startFaultProxy(server.port)
    const url = postgresAt(proxy.port).url(await createDatabase(server))
    // The greeting and SCRAM take three.
    return { url, count: () => proxy.exchanges, toConnect: 3, close: proxy.close }
  },
  'Neon over HTTP': async () => {
    const standIn = await startNeonStandIn(server.port, password)
    const url = standIn.url(await createDatabase(server))
    const count = () => standIn.fetches + standIn.tunnels
    return { url, count, toConnect: 0, close: standIn.close }
  },
}

describe.each(Object.entries(ways))('on %s', async (_, start) => {
  const way = await start()
  await makeReady(way.url)
  beforeAll(async () => setDatabase(await openDatabase({ ...options, url: way.url })))
  afterAll(async () => {
    await closeDatabase()
    await way.close()
  })

  test.each(operations)('to %s takes one round trip', async (_, run, status) => {
    expect(await countDuring(run, status, way.count)).toBe(1)
  })

  test('what cannot concern the database asks it nothing', async () => {
    const before = way.count()
    await ask(undefined, 'GET')
    await ask(user, 'GET', '/no-uuid')
    await ask(user, 'GET', '/../somebody/tasks')
    await ask(user, 'POST', '', { title: '' })
    expect(way.count() - before).toBe(0)
  })

  test('a start on a migrated database takes one round trip once it is connected', async () => {
    const before = way.count()
    const second = await openDatabase({ ...options, url: way.url })
    onTestFinished(() => second.close())
    await second.makeReady()
    expect(way.count() - before).toBe(way.toConnect + 1)
  })
})
