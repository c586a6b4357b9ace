import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import { type OpenDatabase, openDatabase } from '#db/database'
import { makeUsers, versionOf } from '#tests/database/users'
import { options } from '#tests/support/databases'
import { type FaultProxy, startFaultProxy } from '#tests/support/fault-proxy'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

/** What requests on one connection do to each other. */
const server = postgresAt(inject('postgresPort'))
let proxy: FaultProxy
let database: OpenDatabase
let direct: string
let url: string
/** Users whose lists take two seconds. */
const slow = ['slow', 'slow-other']

beforeAll(async () => {
  const name = await createDatabase(server)
  direct = server.url(name)
  proxy = await startFaultProxy(server.port)
  url = postgresAt(proxy.port).url(name)
  database = await openDatabase({ ...options, url, poolSize: 1 })
  await database.makeReady()
  for (const user of slow) await own(user).insert(crypto.randomUUID())
  await runSql(
    direct,
    `create policy slowly on tasks as restrictive for select
      using (user_id not like 'slow%' or pg_sleep(2) is not null)`,
  )
})
afterEach(() => {
  proxy.delayMs = 0
})
afterAll(async () => {
  await database?.close()
  await proxy?.close()
})

const own = (user: string, timeLeftMs = 8000) =>
  statementsOf(database.forUser(user, timeLeftMs), user)
const nap = (user: string, seconds: number) =>
  sql`select pg_sleep(${seconds})`.execute(database.forUser(user))

/** Waits until Postgres works on something. */
const isBusy = () =>
  expect
    .poll(() =>
      runSql(
        direct,
        `select pid from pg_stat_activity where datname = current_database()
          and state = 'active' and pid <> pg_backend_pid() and query like '%pg_sleep%'`,
      ),
    )
    .toHaveLength(1)

test('a tenth of a second is what a transaction waits for a lock, and works on for a closed connection', async () => {
  const names = ['lock_timeout', 'client_connection_check_interval']
  const look = names.map((name) => ({ sql: `select current_setting('${name}')`, parameters: [] }))
  const found = await database.transport.transaction(look, 8000)
  expect(found).toEqual(names.map(() => [{ current_setting: '100ms' }]))
})

test('where the backend is ended, what is queued behind its statement is sent again', async () => {
  const people = await makeUsers(database, 4)
  const napping = nap('sleeper', 1.5)
  const flips = people.map(({ user, id }) => own(user).complete(id))
  await isBusy()
  await runSql(
    direct,
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`,
  )
  expect(await Promise.all(flips)).toMatchObject(people.map(({ flipped }) => flipped))
  await napping.catch(() => undefined)
  for (const { id, flipped } of people) expect(await versionOf(direct, id)).toBe(flipped.version)
})

test.each([
  ['searches', { search: 'bread' }],
  ['passes over thousands of tasks', { offset: 5000 }],
])('nobody waits behind who %s', async (_, options) => {
  const [person] = await makeUsers(database, 1)
  const listing = own('slow').list({ ...options, withTotal: false })
  await expect
    .poll(() =>
      runSql(
        direct,
        `select pid from pg_stat_activity
          where datname = current_database() and wait_event = 'PgSleep'`,
      ),
    )
    .toHaveLength(1)
  const reading = own(person?.user ?? '').find(person?.id ?? '')
  const first = await Promise.race([listing.then(() => 'list'), reading.then(() => 'read')])
  expect(first).toBe('read')
  await listing
})

test('the searches of one user run one after the other, so that another user can search meanwhile', async () => {
  const four = await openDatabase({ ...options, url, poolSize: 4 })
  await four.makeReady()
  const ended: string[] = []
  const search = async (user: string) => {
    await statementsOf(four.forUser(user), user).list({ search: 'milk', withTotal: false })
    ended.push(user)
  }
  await Promise.all(['slow', 'slow', 'slow-other'].map(search))
  await four.close()
  expect(ended.at(-1)).toBe('slow')
})

test('where the latency rises, requests still share connections, and nobody counts as slow', async () => {
  const five = await openDatabase({ ...options, url, poolSize: 5 })
  await five.makeReady()
  const people = await makeUsers(database, 32)
  const readAll = () =>
    Promise.all(
      people.map(async ({ user, id }, index) => {
        await sleep(index)
        return await statementsOf(five.forUser(user), user).find(id)
      }),
    )
  await readAll()
  proxy.delayMs = 65
  await readAll()
  const before = proxy.exchanges
  for (let round = 0; round < 3; round += 1) await readAll()
  await five.close()
  // One exchange for each would be 96.
  expect(proxy.exchanges - before).toBeLessThan(48)
})

test('where answers lag, nobody behind a locked row is refused', async () => {
  const people = await makeUsers(database, 20)
  const [locked] = people
  const holder = new Client({ connectionString: direct })
  await holder.connect()
  await holder.query('begin')
  await holder.query('select from tasks where id = $1 for update', [locked?.id])
  proxy.delayMs = 20
  const flips = people.map(({ user, id }) => own(user).complete(id))
  await sleep(300)
  await holder.query('rollback')
  await holder.end()
  expect(await Promise.all(flips)).toMatchObject(people.map(({ flipped }) => flipped))
})
