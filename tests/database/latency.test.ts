import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import { type OpenDatabase, openDatabase } from '#db/database'
import { makeUsers } from '#tests/database/users'
import { options } from '#tests/support/databases'
import { type FaultProxy, startFaultProxy } from '#tests/support/fault-proxy'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

const server = postgresAt(inject('postgresPort'))
let proxy: FaultProxy
let direct: string
let url: string
const opened: OpenDatabase[] = []

beforeAll(async () => {
  const name = await createDatabase(server)
  direct = server.url(name)
  proxy = await startFaultProxy(server.port)
  url = postgresAt(proxy.port).url(name)
})
afterEach(async () => {
  for (const database of opened.splice(0)) await database.close()
  proxy.delayMs = 0
  proxy.lagMs = 0
})
afterAll(() => proxy?.close())

/** A process, as far as the database can tell. */
async function open(poolSize: number): Promise<OpenDatabase> {
  const database = await openDatabase({ ...options, url, poolSize })
  opened.push(database)
  await database.makeReady()
  return database
}

const own = (database: OpenDatabase, user: string) => statementsOf(database.forUser(user), user)

/** How long 64 users take for some reads each, who do not come all at once. */
async function timeOfReads(database: OpenDatabase): Promise<number> {
  const read = async (_: unknown, user: number) => {
    await sleep(user * 2)
    for (let round = 0; round < 6; round += 1) {
      await own(database, `user-${user}`).find(crypto.randomUUID())
    }
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: 64 }, read))
  return performance.now() - startedAt
}

/** The versions of all tasks, by their ids. */
async function readVersions(): Promise<Map<unknown, number>> {
  const rows = await runSql(direct, 'select id, version from tasks')
  return new Map(rows.map(({ id, version }) => [id, Number(version)]))
}

test('where the latency rises after the start, nothing is lost of what a fresh start could do', async () => {
  const old = await open(5)
  await timeOfReads(old)
  proxy.delayMs = 65
  const fresh = await open(5)
  // The first time connections are opened.
  await timeOfReads(fresh)
  // Something else may hold up the machine for a moment; what is remembered stays.
  const share = async () => (await timeOfReads(old)) / (await timeOfReads(fresh))
  await expect.poll(share).toBeLessThan(1.3)
})

test('where answers lag, nobody behind a slow statement is refused: whatever ends it must not meet them', async () => {
  const database = await open(2)
  const people = await makeUsers(database, 24)
  proxy.lagMs = 60
  for (let round = 1; round <= 13; round += 1) {
    const sleeper = database.forUser(`sleeper-${round}`)
    const napping = sql`select pg_sleep(${0.12 + round * 0.003})`.execute(sleeper)
    const flips = people.map(({ user, id }) => own(database, user).complete(id))
    const flipped = people.map(({ version }) => ({ version: version + round }))
    expect(await Promise.all(flips)).toMatchObject(flipped)
    await napping
  }
})

test('where answers lag and their connection is cut, whoever is left in doubt has a reason, and nobody else is', async () => {
  const database = await open(1)
  const people = await makeUsers(database, 24)
  let versions = await readVersions()
  let inDoubt = 0
  proxy.lagMs = 40
  for (let round = 0; round < 6; round += 1) {
    const flips = Promise.allSettled(people.map(({ user, id }) => own(database, user).complete(id)))
    const reads = Promise.all(people.map(({ user, id }) => own(database, user).find(id)))
    // Some are answered, others have run and the news is on its way, others have not run.
    await sleep(40 + 2 * round)
    proxy.reset()
    expect(await reads).toHaveLength(people.length)
    const outcomes = await flips
    const found = await readVersions()
    for (const [index, { id }] of people.entries()) {
      const happened = Number(found.get(id)) - Number(versions.get(id))
      const outcome = outcomes[index]
      if (outcome?.status === 'fulfilled') expect(happened).toBe(1)
      else {
        expect(outcome?.reason).toMatchObject({ kind: 'unavailable', mayHaveRun: true })
        expect([0, 1]).toContain(happened)
        inDoubt += 1
      }
    }
    versions = found
  }
  expect(inDoubt, 'flips were on the connection when it broke').toBeGreaterThan(0)
})
