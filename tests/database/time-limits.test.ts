import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type OpenDatabase, openDatabase } from '#db/database'
import { versionOf } from '#tests/database/users'
import { openTestDatabase, options } from '#tests/support/databases'
import { whileTasksAreLocked } from '#tests/support/locked-tasks'
import { hasPgbouncer, startPgbouncer } from '#tests/support/pgbouncer'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

const server = postgresAt(inject('postgresPort'))
const rateLimit = { quota: { requests: 1000, seconds: 60 }, onPermit: () => {} }
/** Only Postgres' own clocks can have ended what failed so. */
const givenUpByPostgres = { sqlState: '57014', kind: 'unavailable', mayHaveRun: false }
const nap = (seconds: number) => ({ sql: 'select pg_sleep($1::float8)', parameters: [seconds] })

interface Opened {
  readonly database: OpenDatabase
  readonly url: string
  close(): Promise<void>
}

/** The ways on which statements reach a real Postgres. */
const ways = {
  'over TCP': () => openOn('postgres'),
  'over HTTP': () => openOn('neon'),
  'through PgBouncer': async () => {
    const bouncer = await startPgbouncer(server.port, 5)
    const name = await createDatabase(server)
    const database = await openDatabase({ ...options, url: postgresAt(bouncer.port).url(name) })
    const close = async () => {
      await database.close()
      await bouncer.stop()
    }
    return { database, url: server.url(name), close }
  },
}

async function openOn(transport: 'postgres' | 'neon'): Promise<Opened> {
  const { database, asAdministrator, close } = await openTestDatabase(transport)
  const [row] = await asAdministrator('select current_database() as name')
  return { database, url: server.url(String(row?.['name'])), close }
}

const usable = Object.entries(ways).filter(([way]) => hasPgbouncer || way !== 'through PgBouncer')

describe.each(usable)('%s', (way, open) => {
  let opened: Opened
  const of = (user: string, deadlineMs: number) =>
    statementsOf(opened.database.forUser(user, deadlineMs, rateLimit), user)

  beforeAll(async () => {
    opened = await open()
    await opened.database.makeReady()
  })
  afterAll(() => opened?.close())

  test('the wait for the permit is given up by Postgres, and what waited never runs', async () => {
    const id = crypto.randomUUID()
    const { version: before } = await of('alice', 8000).insert(id)
    const holder = new Client({ connectionString: opened.url })
    await holder.connect()
    await holder.query('begin')
    await holder.query(`select from rate_limits where user_id = 'alice' for update`)
    await expect(of('alice', 2000).complete(id)).rejects.toMatchObject(givenUpByPostgres)
    await holder.query('rollback')
    await holder.end()
    await sleep(300)
    expect(await versionOf(opened.url, id)).toBe(before)
  })

  test('the wait for a table is given up by Postgres, and what waited never runs', async () => {
    const id = crypto.randomUUID()
    const { version: before } = await of('bob', 8000).insert(id)
    await whileTasksAreLocked(opened.url, async () => {
      await expect(of('bob', 2000).complete(id)).rejects.toMatchObject(givenUpByPostgres)
    })
    await sleep(300)
    expect(await versionOf(opened.url, id)).toBe(before)
  })

  test('every statement has a clock of its own, and all together less than the service waits', async () => {
    const send = (...seconds: number[]) =>
      opened.database.transport.transaction(seconds.map(nap), 3000)
    // 3,000 ms are 800 for each of three.
    expect(await send(0.5, 0.5, 0.5)).toHaveLength(3)
    await expect(send(0.1, 0.1, 1.2)).rejects.toMatchObject(givenUpByPostgres)
  })

  // Over HTTP it is Neon's proxy that cancels.
  test.skipIf(way === 'over HTTP')(
    'what Postgres does not give up ends with its connection, and all of the pipeline with it',
    async () => {
      await runSql(opened.url, 'create table marks (mark text)')
      const unlimited = `select set_config('statement_timeout', '0', true),
        case when current_setting('server_version_num')::integer >= 170000
          then set_config('transaction_timeout', '0', true) end`
      const mark = { sql: `insert into marks values ('ran')`, parameters: [] }
      const statements = [mark, { sql: unlimited, parameters: [] }, nap(30), mark]
      const startedAt = performance.now()
      const attempt = opened.database.transport.transaction(statements, 1500)
      await expect(attempt).rejects.toMatchObject({ kind: 'unavailable', mayHaveRun: true })
      const busy = `select from pg_stat_activity
        where datname = current_database() and state = 'active' and pid <> pg_backend_pid()`
      await expect.poll(() => runSql(opened.url, busy), { timeout: 10_000 }).toEqual([])
      // Without the end of its connection it would sleep on.
      expect(performance.now() - startedAt).toBeLessThan(25_000)
      expect(await runSql(opened.url, 'select mark from marks')).toEqual([])
    },
  )
})
