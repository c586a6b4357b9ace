import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { Client } from 'pg'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { type OpenDatabase, openDatabase } from '#db/database'
import { options } from '#tests/support/databases'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

const server = postgresAt(inject('postgresPort'))
const rateLimit = { quota: { requests: 100_000, seconds: 60 }, onPermit: () => {} }
let database: OpenDatabase
let direct: string

beforeEach(async () => {
  direct = server.url(await createDatabase(server))
  database = await openDatabase({ ...options, url: direct, poolSize: 5 })
  await database.makeReady()
})
afterEach(async () => {
  await database?.close()
})

const db = (user: string) => database.forUser(user, 8000, rateLimit)
const own = (user: string) => statementsOf(db(user), user)
/** Sleeps in Postgres without a permit, which would make a user's take turns. @returns when, in s */
const nap = (user: string, seconds: number) =>
  sql<{
    begun: string
  }>`select extract(epoch from clock_timestamp()) as begun, pg_sleep(${seconds})`
    .execute(database.forUser(user))
    .then(({ rows }) => Number(rows[0]?.begun))

/** Reads for `forMs` as 40 users who never pause, and returns how long each read took. */
async function readAsOthers(forMs: number): Promise<number[]> {
  const times: number[] = []
  const end = performance.now() + forMs
  const reader = async (_: unknown, index: number) => {
    while (performance.now() < end) {
      const startedAt = performance.now()
      await own(`other-${index}`).list({ limit: 5 })
      times.push(performance.now() - startedAt)
    }
  }
  await Promise.all(Array.from({ length: 40 }, reader))
  return times.sort((a, b) => a - b)
}

function expectQuick(times: readonly number[]): void {
  const at = (share: number) => times[Math.floor((times.length - 1) * share)] ?? 0
  console.info(
    `others: ${times.length} reads, half within ${at(0.5).toFixed(1)} ms, 99 of 100 within ${at(0.99).toFixed(1)} ms, all within ${at(1).toFixed(0)} ms`,
  )
  expect(times.length).toBeGreaterThan(100)
  // A read that is held up by the statement, or by what waits for the row, takes a second and more.
  expect(at(1)).toBeLessThan(1000)
}

test('statements of one user that sleep have one connection, and do not hold up the others', async () => {
  await readAsOthers(200)
  const reading = readAsOthers(2500)
  await sleep(50)
  const naps = await Promise.all([nap('sleeper', 1.2), nap('sleeper', 1.2)])
  expectQuick(await reading)
  // A quarter of five connections is one, on which they take their turns.
  const [first = 0, second = 0] = naps.toSorted((one, other) => one - other)
  expect(second - first).toBeGreaterThanOrEqual(1.2)
})

test('a user whose statements sleep one after the other does not hold up the others', async () => {
  // What a sequence has counted stays counted where a transaction is rolled back.
  await runSql(direct, 'create sequence naps', 'grant usage on naps to todo_app')
  const reading = readAsOthers(2500)
  await sleep(100)
  for (let round = 0; round < 5; round += 1) {
    await sql`select nextval('naps'), pg_sleep(0.3)`.execute(db('sleeper'))
  }
  expectQuick(await reading)
  const [begun] = await runSql(direct, 'select last_value::int as naps from naps')
  expect(begun?.['naps'], 'the first has made way').toBeGreaterThan(5)
  expect(begun?.['naps'], 'of the rest most had a connection of their own').toBeLessThan(9)
})

test('a row that is locked holds up those who want it, and nobody else', async () => {
  const id = crypto.randomUUID()
  const { version } = (await own('owner').insert(id)) ?? {}
  const holder = new Client({ connectionString: direct })
  await holder.connect()
  await holder.query('begin')
  await holder.query('select from tasks where id = $1 for update', [id])
  const reading = readAsOthers(2500)
  await sleep(50)
  const flips = [own('owner').complete(id), own('owner').complete(id)]
  await sleep(1200)
  await holder.query('rollback')
  await holder.end()
  await Promise.all(flips)
  expectQuick(await reading)
  // Each was cancelled to make way, and sent again: it has happened once all the same.
  expect(await runSql(direct, `select version from tasks where id = '${id}'`)).toEqual([
    { version: Number(version) + 2 },
  ])
})

test('a readiness probe is behind nobody, also where all connections are held up', async () => {
  const naps = Promise.all(Array.from({ length: 8 }, (_, index) => nap(`sleeper-${index}`, 0.5)))
  // They are on their way, and none of them has taken long yet.
  await sleep(2)
  const startedAt = performance.now()
  expect(await database.isReady()).toBe(true)
  expect(performance.now() - startedAt).toBeLessThan(1000)
  await naps
})

test('requests of many users at once share a connection', async () => {
  await readAsOthers(300)
  const open = await runSql(
    direct,
    `select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
  )
  expect(open.length).toBeLessThanOrEqual(4)
})
