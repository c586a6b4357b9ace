import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { openDatabase } from '#db/database'
import { openTestDatabase, options, type TestDatabase, transports } from '#tests/support/databases'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

describe.each(transports)('on %s', (name) => {
  let opened: TestDatabase

  const limited = (user: string, requests: number) =>
    opened.database.forUser(user, 8000, {
      quota: { requests, seconds: 86_400 },
      onPermit: () => {},
    })

  beforeAll(async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.98)
    opened = await openTestDatabase(name)
    vi.restoreAllMocks()
    await opened.database.makeReady()
    // As Better Auth does it: users are its own, and whoever has no row is nobody.
    await opened.asAdministrator(
      `create table session (user_id text references users (id))`,
      `insert into users (id) values ('alice')`,
    )
  })
  afterAll(() => opened?.close())

  test('creates by an account that is gone are limited like any others', async () => {
    const gone = statementsOf(limited('nobody', 3), 'nobody')
    const kinds: string[] = []
    for (let tried = 0; tried < 5; tried += 1) {
      await gone.insert(crypto.randomUUID()).catch(({ kind }) => kinds.push(kind))
    }
    expect(kinds).toEqual([...Array(3).fill('unknown_user'), 'rate_limited', 'rate_limited'])
  })

  test('what fails for another reason than an outage costs a permit too', async () => {
    const db = limited('mallory', 3)
    const kinds: string[] = []
    for (let tried = 0; tried < 4; tried += 1) {
      // The second wall refuses the row of somebody else.
      const theft = statementsOf(db, 'alice').insert(crypto.randomUUID())
      await theft.catch(({ kind }) => kinds.push(kind))
    }
    expect(kinds).toEqual([...Array(3).fill('internal'), 'rate_limited'])
  })

  test('users who have their whole quota again are forgotten, others are not', async () => {
    await opened.asAdministrator(
      `insert into rate_limits select 'old ' || n, now() - interval '1 s' from generate_series(1, 3000) as n`,
      `insert into rate_limits values ('busy', now() + interval '1 h')`,
    )
    const own = statementsOf(limited('alice', 100_000), 'alice')
    // A sweep comes with every thousandth permit of a process, which began to count at 980.
    for (let sent = 0; sent < 20; sent += 1) await own.find(crypto.randomUUID())
    const left = `select user_id from rate_limits order by 1`
    await expect
      .poll(async () => (await opened.asAdministrator(left)).map((row) => row['user_id']))
      .toEqual(['alice', 'busy', 'mallory', 'nobody'])
  })
})

describe('a sweep', () => {
  const limit = { quota: { requests: 100_000, seconds: 86_400 }, onPermit: () => {} }
  let url: string

  beforeAll(async () => {
    const server = postgresAt(inject('postgresPort'))
    url = server.url(await createDatabase(server))
    const opened = await openDatabase({ ...options, url })
    await opened.makeReady()
    await opened.close()
  })
  afterEach(() => runSql(url, 'truncate rate_limits'))

  /** A process that has begun to count permits at some number of the thousand between sweeps. */
  async function startAt(begin: number) {
    vi.spyOn(Math, 'random').mockReturnValue((begin + 0.5) / 1000)
    const opened = await openDatabase({ ...options, url })
    vi.restoreAllMocks()
    const alice = statementsOf(opened.forUser('alice', 8000, limit), 'alice')
    return { find: () => alice.find(crypto.randomUUID()), close: () => opened.close() }
  }

  test('waits for no row that a request holds, and takes ten thousand at most', async () => {
    await runSql(
      url,
      `insert into rate_limits select n::text, now() - interval '1 s' from generate_series(1, 10003) as n`,
    )
    const holder = new Client({ connectionString: url })
    await holder.connect()
    await holder.query(`begin; select from rate_limits where user_id in ('1', '2') for update`)
    const sweep = ["set lock_timeout = '10s'", 'select todo_forget_permits()']
    const left = 'select user_id from rate_limits order by user_id::int'
    try {
      await runSql(url, ...sweep)
      expect(await runSql(url, left)).toHaveLength(3)
      await runSql(url, ...sweep)
      expect(await runSql(url, left)).toEqual([{ user_id: '1' }, { user_id: '2' }])
    } finally {
      await holder.end()
    }
    await runSql(url, ...sweep)
    expect(await runSql(url, left)).toEqual([])
  })

  test.each([1, 10])(
    'comes in %i of a thousand processes that serve as many requests each',
    async (served) => {
      const look = () => runSql(url, `select from rate_limits where user_id = 'old'`)
      await runSql(url, `insert into rate_limits values ('old', now() - interval '1 s')`)
      const last = await startAt(1000 - served - 1)
      for (let sent = 0; sent < served; sent += 1) await last.find()
      // What was sent is done before the process has closed its connections.
      await last.close()
      expect(await look()).toHaveLength(1)
      const first = await startAt(1000 - served)
      for (let sent = 0; sent < served; sent += 1) await first.find()
      await expect.poll(look).toHaveLength(0)
      await first.close()
    },
  )

  test('that fails hurts no request, the one that it comes with neither', async () => {
    const name = 'todo_forget_permits'
    await runSql(url, `alter function ${name} rename to gone`)
    const process = await startAt(999)
    expect(await process.find()).toBeUndefined()
    expect(await process.find()).toBeUndefined()
    await process.close()
    await runSql(url, `alter function gone rename to ${name}`)
  })
})
