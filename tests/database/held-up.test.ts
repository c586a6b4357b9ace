import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type OpenDatabase, openDatabase } from '#db/database'
import { options } from '#tests/support/databases'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

const server = postgresAt(inject('postgresPort'))
const rateLimit = { quota: { requests: 100_000, seconds: 60 }, onPermit: () => {} }
let database: OpenDatabase
let direct: string

beforeAll(async () => {
  direct = server.url(await createDatabase(server))
  database = await openDatabase({ ...options, url: direct, poolSize: 5 })
  await database.makeReady()
})
afterAll(() => database?.close())

const db = (user: string) => database.forUser(user, 8000, rateLimit)
const own = (user: string) => statementsOf(db(user), user)
/** Sleeps in Postgres. */
const nap = (user: string, seconds: number) => sql`select pg_sleep(${seconds})`.execute(db(user))

/** Starts to read as others. @returns how many of their reads are over so far, and how to end it */
function keepReading() {
  let [reads, isOver] = [0, false]
  const reader = async (_: unknown, index: number) => {
    while (!isOver) {
      await own(`other-${index}`).list({ limit: 5 })
      reads += 1
    }
  }
  const reading = Promise.all(Array.from({ length: 40 }, reader))
  return {
    reads: () => reads,
    async end() {
      isOver = true
      await reading
    },
  }
}

test('a statement that sleeps holds up those behind it on its connection; the others pass it by', async () => {
  const others = keepReading()
  await expect.poll(others.reads, { timeout: 30_000 }).toBeGreaterThan(40)
  let readsMeanwhile = 0
  const napping = nap('sleeper', 1.5).then(() => {
    readsMeanwhile = others.reads() - readsBefore
  })
  const readsBefore = others.reads()
  await napping
  await others.end()
  // Each of the forty has one under way, and the connection of the sleeper takes 16.
  expect(readsMeanwhile).toBeGreaterThan(40)
})

test('a row that is locked holds up those who want it, and nobody else', async () => {
  const id = crypto.randomUUID()
  const { version } = (await own('owner').insert(id)) ?? {}
  const holder = new Client({ connectionString: direct })
  await holder.connect()
  await holder.query('begin')
  await holder.query('select from tasks where id = $1 for update', [id])
  const others = keepReading()
  await expect.poll(others.reads, { timeout: 30_000 }).toBeGreaterThan(40)
  const flips = Promise.allSettled([own('owner').complete(id), own('owner').complete(id)])
  const before = others.reads()
  // Everybody is served while the row is locked: behind it, nobody would be before it is not.
  await expect.poll(others.reads, { timeout: 10_000 }).toBeGreaterThan(before + 80)
  await holder.query('rollback')
  await holder.end()
  const happened = (await flips).filter(({ status }) => status === 'fulfilled').length
  await others.end()
  // Each made way, rolled back, and was sent again: it has happened once all the same.
  expect(await runSql(direct, `select version from tasks where id = '${id}'`)).toEqual([
    { version: Number(version) + happened },
  ])
  expect(happened).toBeGreaterThan(0)
})

test('a readiness probe is behind nobody, also where all connections are held up', async () => {
  let isAwake = false
  const naps = Promise.all(Array.from({ length: 80 }, (_, index) => nap(`sleeper-${index}`, 0.05)))
  const napping = naps.then(() => {
    isAwake = true
  })
  await sleep(2)
  expect(await database.isReady()).toBe(true)
  expect(isAwake).toBe(false)
  await napping
})

test('requests of many users at once share connections: one is filled before the next is used', async () => {
  const others = keepReading()
  await expect.poll(others.reads, { timeout: 30_000 }).toBeGreaterThan(500)
  const inUse: number[] = []
  while (inUse.length < 100) {
    inUse.push(database.transport.poolLoad?.().inUse ?? 0)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await others.end()
  expect(inUse.filter((each) => each <= 3).length).toBeGreaterThan(80)
})
