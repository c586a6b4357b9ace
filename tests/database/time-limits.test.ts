import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { hasPgbouncer, startPgbouncer } from '#tests/database/pgbouncer'
import { versionOf } from '#tests/database/users'
import { newDatabase, server, start, startNeon } from '#tests/support/databases'
import { hold } from '#tests/support/locked-tasks'
import { tasksOf } from '#tests/support/statements'

const rateLimit = { quota: { requests: 1000, seconds: 60 }, onPermit: () => {} }
/** Only Postgres' own clocks can have ended what failed so. */
const givenUpByPostgres = { sqlState: '57014', kind: 'unavailable', mayHaveRun: false }
const nap = (seconds: number) => ({ sql: 'select pg_sleep($1::float8)', parameters: [seconds] })

/** The ways on which statements reach a real Postgres. */
const ways = {
  'over TCP': async () => server,
  'over HTTP': startNeon,
  ...(hasPgbouncer && { 'through PgBouncer': () => startPgbouncer(server.port, 5) }),
}

describe.each(Object.entries(ways))('%s', async (_, startWay) => {
  const { name, url: direct } = await newDatabase()
  const database = await start((await startWay()).url(name))

  test.each([
    ['its permit', `select from rate_limits where user_id = '${name}' for update`],
    ['a table', 'lock table tasks in access exclusive mode'],
  ])('the wait for %s is given up by Postgres, and what waited never runs', async (_, lock) => {
    const tasks = (deadlineMs: number) => tasksOf(database, name, deadlineMs, rateLimit)
    const { id, version: before } = await tasks(8000).create()
    const release = await hold(direct, lock)
    await expect(tasks(2000).complete(id)).rejects.toMatchObject(givenUpByPostgres)
    await release()
    await sleep(300)
    expect(await versionOf(direct, id)).toBe(before)
  })

  test('every statement has a clock of its own, and all together less than the service waits', async () => {
    const send = (...seconds: number[]) => database.transport.transaction(seconds.map(nap), 3000)
    // 3,000 ms are 800 for each of three.
    expect(await send(0.5, 0.5, 0.5)).toHaveLength(3)
    await expect(send(0.1, 0.1, 1.2)).rejects.toMatchObject(givenUpByPostgres)
  })
})
