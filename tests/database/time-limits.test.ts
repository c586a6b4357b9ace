import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { hasPgbouncer, startPgbouncer } from '#tests/database/pgbouncer'
import { versionOf } from '#tests/database/users'
import { options } from '#tests/support/databases'
import { hold } from '#tests/support/locked-tasks'
import { startNeonStandIn } from '#tests/support/neon-stand-in'
import { createDatabase, password, postgresAt } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

const server = postgresAt(inject('postgresPort'))
const rateLimit = { quota: { requests: 1000, seconds: 60 }, onPermit: () => {} }
/** Only Postgres' own clocks can have ended what failed so. */
const givenUpByPostgres = { sqlState: '57014', kind: 'unavailable', mayHaveRun: false }
const nap = (seconds: number) => ({ sql: 'select pg_sleep($1::float8)', parameters: [seconds] })

/** The ways on which statements reach a real Postgres. */
const ways = {
  'over TCP': async () => ({ ...server, close: async () => {} }),
  'over HTTP': () => startNeonStandIn(server.port, password),
  'through PgBouncer': async () => {
    const bouncer = await startPgbouncer(server.port, 5)
    return { ...postgresAt(bouncer.port), close: bouncer.stop }
  },
}
const usable = Object.entries(ways).filter(([way]) => hasPgbouncer || way !== 'through PgBouncer')

describe.each(usable)('%s', async (_, start) => {
  const name = await createDatabase(server)
  const direct = server.url(name)
  const way = await start()
  const database = await openDatabase({ ...options, url: way.url(name) })
  afterAll(async () => {
    await database.close()
    await way.close()
  })
  await database.makeReady()
  const of = (user: string, deadlineMs: number) =>
    statementsOf(database.forUser(user, deadlineMs, rateLimit), user)

  test.each([
    ['its permit', `select from rate_limits where user_id = 'alice' for update`],
    ['a table', 'lock table tasks in access exclusive mode'],
  ])('the wait for %s is given up by Postgres, and what waited never runs', async (_, lock) => {
    const id = crypto.randomUUID()
    const { version: before } = await of('alice', 8000).insert(id)
    const release = await hold(direct, lock)
    await expect(of('alice', 2000).complete(id)).rejects.toMatchObject(givenUpByPostgres)
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
