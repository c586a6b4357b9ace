import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '#db/database'
import { closeDatabase, setDatabase } from '#lib/service/database'
import { ask, create } from '#tests/database/in-process'
import * as databases from '#tests/support/databases'
import { newUser } from '#tests/support/tokens'

const user = newUser()

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
    const network = await databases.startNetwork()
    // The greeting and SCRAM take three.
    return { url: network.url, count: () => network.exchanges, toConnect: 3 }
  },
  'Neon over HTTP': async () => {
    const neon = await databases.startNeon()
    return { url: neon.url, count: () => neon.fetches + neon.tunnels, toConnect: 0 }
  },
}

describe.each(Object.entries(ways))('on %s', async (_, start) => {
  const way = await start()
  const url = way.url((await databases.newDatabase()).name)
  await databases.makeReady(url)
  beforeAll(async () => setDatabase(await openDatabase({ ...databases.options, url })))
  afterAll(closeDatabase)

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
    await databases.start(url)
    expect(way.count() - before).toBe(way.toConnect + 1)
  })
})
