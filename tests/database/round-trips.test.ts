import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type FaultProxy, startFaultProxy } from '#tests/support/fault-proxy'
import { type NeonStandIn, startNeonStandIn } from '#tests/support/neon-stand-in'
import { createDatabase, password, postgresAt } from '#tests/support/postgres'
import { createBy, send } from '#tests/support/send'
import { type Service, startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

const user = newUser()
const server = postgresAt(inject('postgresPort'))

type Run = (url: string, id: string) => Promise<{ status: number }>

/** The eight operations, each with the status that shows that it was carried out. */
const operations: [string, Run, number][] = [
  ['list', (url) => send(url, 'GET', '/api/tasks', user), 200],
  ['create', (url) => send(url, 'POST', '/api/tasks', user, { title: 'One' }), 201],
  ['read', (url, id) => send(url, 'GET', `/api/tasks/${id}`, user), 200],
  ['replace', (url, id) => send(url, 'PUT', `/api/tasks/${id}`, user, { title: 'Two' }), 200],
  ['update', (url, id) => send(url, 'PATCH', `/api/tasks/${id}`, user, { title: 'Three' }), 200],
  ['flip', (url, id) => send(url, 'PATCH', `/api/tasks/${id}/complete`, user), 200],
  [
    'complete',
    (url, id) => send(url, 'PATCH', `/api/tasks/${id}/complete`, user, { completed: true }),
    200,
  ],
  ['delete', (url, id) => send(url, 'DELETE', `/api/tasks/${id}`, user), 204],
]

/**
 * What an operation on a task that is there adds to a count: the smaller of two, because once in 1,000
 * permits a service also sweeps the old ones out, on its own.
 */
async function countDuring({ url }: Service, run: Run, status: number, count: () => number) {
  const counts: number[] = []
  for (let round = 0; round < 2; round += 1) {
    const id = await createBy(url, user)
    const before = count()
    expect((await run(url, id)).status).toBe(status)
    counts.push(count() - before)
  }
  return Math.min(...counts)
}

describe('on Postgres over TCP', () => {
  let proxy: FaultProxy
  let service: Service
  let database: string

  beforeAll(async () => {
    proxy = await startFaultProxy(server.port)
    database = await createDatabase(server)
    const url = postgresAt(proxy.port).url(database)
    service = await startService('node', { DATABASE_URL: url })
    await createBy(service.url, user)
  })
  afterAll(async () => {
    await service?.stop('SIGKILL')
    await proxy?.close()
  })

  test.each(operations)('to %s takes one exchange with the database', async (_, run, status) => {
    expect(await countDuring(service, run, status, () => proxy.exchanges)).toBe(1)
  })

  test('what cannot concern the database asks it nothing', async () => {
    const before = proxy.exchanges
    await send(service.url, 'GET', '/api/tasks')
    await send(service.url, 'GET', '/api/tasks/no-uuid', user)
    await send(service.url, 'GET', '/api/somebody/tasks', user)
    await send(service.url, 'POST', '/api/tasks', user, { title: '' })
    expect(proxy.exchanges - before).toBe(0)
  })

  test('a start on a migrated database takes one exchange after the handshake', async () => {
    const url = postgresAt(proxy.port).url(database)
    const handshake = proxy.exchanges
    const bare = new Client({ connectionString: url })
    await bare.connect()
    await bare.query('select 1')
    const expected = proxy.exchanges - handshake
    await bare.end()
    const before = proxy.exchanges
    const second = await startService('node', { DATABASE_URL: url })
    expect(proxy.exchanges - before).toBe(expected)
    await second.stop('SIGKILL')
  })
})

describe('on Neon over HTTP', () => {
  let standIn: NeonStandIn
  let service: Service
  let name: string

  const start = () => startService('node', standIn.settings(name))

  beforeAll(async () => {
    standIn = await startNeonStandIn(server.port, password)
    name = await createDatabase(server)
    service = await start()
  })
  afterAll(async () => {
    await service?.stop('SIGKILL')
    await standIn?.close()
  })

  test.each(operations)('to %s takes one fetch', async (_, run, status) => {
    expect(await countDuring(service, run, status, () => standIn.fetches)).toBe(1)
  })

  test('a start on a migrated database takes one fetch, and no WebSocket', async () => {
    const before = { fetches: standIn.fetches, tunnels: standIn.tunnels }
    const second = await start()
    expect(standIn.fetches - before.fetches).toBe(1)
    expect(standIn.tunnels).toBe(before.tunnels)
    await second.stop('SIGKILL')
  })
})
