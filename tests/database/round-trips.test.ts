import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type OpenDatabase, openDatabase } from '#db/database'
import { closeDatabase, setDatabase } from '#lib/service/database'
import { ask, create } from '#tests/database/in-process'
import { options } from '#tests/support/databases'
import { type FaultProxy, startFaultProxy } from '#tests/support/fault-proxy'
import { type NeonStandIn, startNeonStandIn } from '#tests/support/neon-stand-in'
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

/** Opens a database as the start of a service does. */
async function start(url: string): Promise<OpenDatabase> {
  const opened = await openDatabase({ ...options, url })
  await opened.makeReady()
  return opened
}

describe('on Postgres over TCP', () => {
  let proxy: FaultProxy
  let url: string

  beforeAll(async () => {
    proxy = await startFaultProxy(server.port)
    url = postgresAt(proxy.port).url(await createDatabase(server))
    setDatabase(await start(url))
    await create(user)
  })
  afterAll(async () => {
    await closeDatabase()
    await proxy?.close()
  })

  test.each(operations)('to %s takes one exchange with the database', async (_, run, status) => {
    expect(await countDuring(run, status, () => proxy.exchanges)).toBe(1)
  })

  test('what cannot concern the database asks it nothing', async () => {
    const before = proxy.exchanges
    await ask(undefined, 'GET')
    await ask(user, 'GET', '/no-uuid')
    await ask(user, 'GET', '/../somebody/tasks')
    await ask(user, 'POST', '', { title: '' })
    expect(proxy.exchanges - before).toBe(0)
  })

  test('a start on a migrated database takes one exchange after the handshake', async () => {
    const handshake = proxy.exchanges
    const bare = new Client({ connectionString: url })
    await bare.connect()
    await bare.query('select 1')
    const expected = proxy.exchanges - handshake
    await bare.end()
    const before = proxy.exchanges
    const second = await start(url)
    expect(proxy.exchanges - before).toBe(expected)
    await second.close()
  })
})

describe('on Neon over HTTP', () => {
  let standIn: NeonStandIn
  let url: string

  beforeAll(async () => {
    standIn = await startNeonStandIn(server.port, password)
    url = standIn.url(await createDatabase(server))
    setDatabase(await start(url))
  })
  afterAll(async () => {
    await closeDatabase()
    await standIn?.close()
  })

  test.each(operations)('to %s takes one fetch', async (_, run, status) => {
    expect(await countDuring(run, status, () => standIn.fetches)).toBe(1)
  })

  test('a start on a migrated database takes one fetch, and no WebSocket', async () => {
    const before = { fetches: standIn.fetches, tunnels: standIn.tunnels }
    const second = await start(url)
    expect(standIn.fetches - before.fetches).toBe(1)
    expect(standIn.tunnels).toBe(before.tunnels)
    await second.close()
  })
})
