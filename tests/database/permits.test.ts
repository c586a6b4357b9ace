import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { openDatabase } from '#db/database'
import type { Permit, Quota } from '#db/rate-limit'
import { openTestDatabase, options, type TestDatabase, transports } from '#tests/support/databases'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

describe.each(transports)('on %s', (name) => {
  let opened: TestDatabase

  /** What a user with a quota may send, and what the permits said. */
  function limited(user: string, quota: Quota) {
    const permits: Permit[] = []
    const onPermit = (permit: Permit) => permits.push(permit)
    return { db: opened.database.forUser(user, 8000, { quota, onPermit }), permits }
  }

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

  test.each([
    ['for an account that is gone', 'nobody', 'nobody', 'unknown_user'],
    // The second wall refuses the row of somebody else.
    ['that is refused as a fault', 'mallory', 'alice', 'internal'],
  ])('a create %s costs a permit too', async (_, user, owner, kind) => {
    const { insert } = statementsOf(limited(user, { requests: 3, seconds: 86_400 }).db, owner)
    const kinds: string[] = []
    for (let tried = 0; tried < 5; tried += 1) {
      await insert(crypto.randomUUID()).catch((error) => kinds.push(error.kind))
    }
    expect(kinds).toEqual([kind, kind, kind, 'rate_limited', 'rate_limited'])
  })

  test('users who have their whole quota again are forgotten, others are not', async () => {
    await opened.asAdministrator(
      `insert into rate_limits select 'old ' || n, now() - interval '1 s' from generate_series(1, 3000) as n`,
      `insert into rate_limits values ('busy', now() + interval '1 h')`,
    )
    const own = statementsOf(limited('alice', { requests: 100_000, seconds: 86_400 }).db, 'alice')
    // A sweep comes with every thousandth permit of a process, which began to count at 980.
    for (let sent = 0; sent < 20; sent += 1) await own.find(crypto.randomUUID())
    const left = `select user_id from rate_limits where user_id ~ 'old|busy'`
    await expect.poll(() => opened.asAdministrator(left)).toEqual([{ user_id: 'busy' }])
  })

  test('a permit comes back with its share of the window', async () => {
    const { db, permits } = limited('carol', { requests: 2, seconds: 2 })
    const { list } = statementsOf(db, 'carol')
    await list()
    await list()
    expect(permits).toEqual([
      { remaining: 1, resetSeconds: 1 },
      { remaining: 0, resetSeconds: 2 },
    ])
    const refusal = { kind: 'rate_limited', detail: '1' }
    await expect(list()).rejects.toMatchObject(refusal)
    const sent = vi.spyOn(opened.database.transport, 'transaction')
    let refused = 0
    for (let isRefused = true; isRefused && refused < 2000; refused += 1) {
      await sleep(5)
      isRefused = await list().then(
        () => false,
        ({ kind }) => kind === 'rate_limited',
      )
    }
    expect(refused).toBeGreaterThan(20)
    expect(sent.mock.calls.length, 'the database is asked when a permit is back').toBeLessThan(4)
    await expect(list()).rejects.toMatchObject(refusal)
  })
})

describe('in Postgres', () => {
  let url: string

  beforeAll(async () => {
    const server = postgresAt(inject('postgresPort'))
    url = server.url(await createDatabase(server))
    const opened = await openDatabase({ ...options, url })
    await opened.makeReady()
    await opened.close()
  })
  afterEach(() => runSql(url, 'truncate rate_limits'))

  test('a request that waits for its turn is not held to what was asked for after it', async () => {
    await runSql(url, "insert into rate_limits values ('alice', now())")
    const take = "todo_take_permit('alice', 2, 86400)"
    const ahead = runSql(
      url,
      `do $$ begin
        perform from rate_limits for update;
        perform pg_sleep(0.6);
        perform ${take};
      end $$`,
    )
    await sleep(300)
    const [waited] = await runSql(url, `select ${take} as permit`)
    await ahead
    expect(waited).toMatchObject({ permit: expect.stringMatching(/^0 /) })
  })

  test('a sweep waits for no row that a request holds, and takes ten thousand at most', async () => {
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
  })

  test('a sweep that fails hurts no request, the one that it comes with neither', async () => {
    const name = 'todo_forget_permits'
    await runSql(url, `alter function ${name} rename to gone`)
    vi.spyOn(Math, 'random').mockReturnValue(0.9995)
    const process = await openDatabase({ ...options, url })
    vi.restoreAllMocks()
    const limit = { quota: { requests: 100, seconds: 86_400 }, onPermit: () => {} }
    const { find } = statementsOf(process.forUser('alice', 8000, limit), 'alice')
    expect(await find(crypto.randomUUID())).toBeUndefined()
    expect(await find(crypto.randomUUID())).toBeUndefined()
    await process.close()
    await runSql(url, `alter function gone rename to ${name}`)
  })
})
