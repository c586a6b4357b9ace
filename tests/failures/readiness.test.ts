import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { host } from '#tests/failures/world'
import { type FaultProxy, startFaultProxy } from '#tests/support/fault-proxy'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { createBy, send } from '#tests/support/send'
import { type Service, startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))

let service: Service
let proxy: FaultProxy
let direct: string

const askReady = () => send(service.url, 'GET', '/health/ready')

beforeAll(async () => {
  const name = await createDatabase(server)
  direct = server.url(name)
  proxy = await startFaultProxy(server.port)
  service = await startService(host, { DATABASE_URL: postgresAt(proxy.port).url(name) })
})
afterAll(async () => {
  await service?.stop('SIGKILL')
  await proxy?.close()
})

test('however many ask at once, the database is asked once, and not again for a second', async () => {
  await askReady()
  await sleep(1100)
  const before = proxy.exchanges
  const startedAt = performance.now()
  const answers = await Promise.all(Array.from({ length: 50 }, askReady))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  // A machine that is busy may take longer than a second for all of them.
  const seconds = Math.ceil((performance.now() - startedAt) / 1000)
  expect(proxy.exchanges - before).toBeLessThanOrEqual(seconds)
  const after = proxy.exchanges
  await sleep(1100)
  expect((await askReady()).status).toBe(200)
  expect(proxy.exchanges - after).toBe(1)
})

test('a service whose every connection is busy is ready all the same, at once', async () => {
  const users = Array.from({ length: 30 }, newUser)
  const ids = await Promise.all(users.map((user) => createBy(service.url, user)))
  await sleep(1100)
  const holder = new Client({ connectionString: direct })
  await holder.connect()
  await holder.query('begin')
  await holder.query('select from tasks for update')
  const flips = users.map((user, index) =>
    send(service.url, 'PATCH', `/api/tasks/${ids[index]}/complete`, user),
  )
  await sleep(300)
  const ready = await askReady()
  expect(ready.status, ready.text).toBe(200)
  await holder.query('rollback')
  await holder.end()
  const answers = await Promise.all(flips)
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
})

test('the failure of a probe is forgotten after a second too', async () => {
  proxy.mode = 'refuse'
  proxy.reset()
  await sleep(1100)
  expect((await askReady()).status).toBe(503)
  proxy.mode = 'pass'
  await sleep(1100)
  expect((await askReady()).status).toBe(200)
})
