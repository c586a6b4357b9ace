import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { Permit, Quota } from '#db/rate-limit'
import { atEnd, newDatabase, open, openReady, start, transports } from '#tests/support/databases'
import { hold } from '#tests/support/locked-tasks'
import { statementsOf, tasksOf } from '#tests/support/statements'

describe.each(transports)('on %s', async (name) => {
  vi.spyOn(Math, 'random').mockReturnValue(0.98)
  const { database, asAdministrator } = await openReady(name)
  vi.restoreAllMocks()
  // As Better Auth does it: users are its own, and whoever has no row is nobody.
  await asAdministrator(
    `create table session (user_id text references users (id))`,
    `insert into users (id) values ('alice')`,
  )

  /** What a user with a quota may send, and what the permits said. */
  function limited(user: string, quota: Quota) {
    const permits: Permit[] = []
    const onPermit = (permit: Permit) => permits.push(permit)
    return { db: database.forUser(user, 8000, { quota, onPermit }), permits }
  }

  test.each([
    ['for an account that is gone', 'nobody', 'nobody', 'unknown_user'],
    // The second wall refuses the row of somebody else.
    ['that is refused as a fault', 'mallory', 'alice', 'internal'],
  ])('a create %s costs a permit too', async (_, user, owner, kind) => {
    const { create } = statementsOf(limited(user, { requests: 3, seconds: 86_400 }).db, owner)
    const kinds: string[] = []
    for (let tried = 0; tried < 5; tried += 1) {
      await create().catch((error) => kinds.push(error.kind))
    }
    expect(kinds).toEqual([kind, kind, kind, 'rate_limited', 'rate_limited'])
  })

  test('a create after the user’s row was deleted costs one permit, and fails where there is no account', async () => {
    const { db, permits } = limited('dave', { requests: 3, seconds: 86_400 })
    const { create } = statementsOf(db, 'dave')
    await asAdministrator(`insert into users (id) values ('dave')`)
    await create()
    await asAdministrator(`delete from users where id = 'dave'`)
    const refused = { kind: 'unknown_user' }
    await expect(create()).rejects.toMatchObject(refused)
    await expect(create()).rejects.toMatchObject(refused)
    expect(permits.map(({ remaining }) => remaining)).toEqual([2, 1, 0])
  })

  test('users who have their whole quota again are forgotten, others are not', async () => {
    await asAdministrator(
      `insert into rate_limits select 'old ' || n, now() - interval '1 s' from generate_series(1, 3000) as n`,
      `insert into rate_limits values ('busy', now() + interval '1 h')`,
    )
    const own = statementsOf(limited('alice', { requests: 100_000, seconds: 86_400 }).db, 'alice')
    // A sweep comes with every thousandth permit of a process, which began to count at 980.
    for (let sent = 0; sent < 20; sent += 1) await own.find(crypto.randomUUID())
    const left = `select user_id from rate_limits where user_id ~ 'old|busy'`
    await expect.poll(() => asAdministrator(left)).toEqual([{ user_id: 'busy' }])
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
    const sent = vi.spyOn(database.transport, 'transaction')
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

describe('in Postgres', async () => {
  const { url, sql } = await newDatabase()
  await start(url)
  beforeEach(() => sql('truncate rate_limits'))

  test('a request that waits for its turn is not held to what was asked for after it', async () => {
    await sql("insert into rate_limits values ('alice', now())")
    const take = "todo_take_permit('alice', 2, 86400)"
    const ahead = sql(
      `do $$ begin
        perform from rate_limits for update;
        perform pg_sleep(0.6);
        perform ${take};
      end $$`,
    )
    await sleep(300)
    const [waited] = await sql(`select ${take} as permit`)
    await ahead
    expect(waited).toMatchObject({ permit: expect.stringMatching(/^0 /) })
  })

  test('a sweep waits for no row that a request holds, and takes ten thousand at most', async () => {
    await sql(
      `insert into rate_limits select n::text, now() - interval '1 s' from generate_series(1, 10003) as n`,
    )
    const held = `select from rate_limits where user_id in ('1', '2') for update`
    atEnd(await hold(url, held))
    const sweep = ["set lock_timeout = '10s'", 'select todo_forget_permits()']
    const left = 'select user_id from rate_limits order by user_id::int'
    await sql(...sweep)
    expect(await sql(left)).toHaveLength(3)
    await sql(...sweep)
    expect(await sql(left)).toEqual([{ user_id: '1' }, { user_id: '2' }])
  })

  test('a sweep that fails hurts no request, the one that it comes with neither', async () => {
    const name = 'todo_forget_permits'
    await sql(`alter function ${name} rename to gone`)
    vi.spyOn(Math, 'random').mockReturnValue(0.9995)
    const process = await open(url)
    vi.restoreAllMocks()
    const limit = { quota: { requests: 100, seconds: 86_400 }, onPermit: () => {} }
    const { find } = tasksOf(process, 'alice', 8000, limit)
    expect(await find(crypto.randomUUID())).toBeUndefined()
    expect(await find(crypto.randomUUID())).toBeUndefined()
    await sql(`alter function gone rename to ${name}`)
  })
})
