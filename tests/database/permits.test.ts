import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase, transports } from '#tests/support/databases'
import { statementsOf } from '#tests/support/statements'

describe.each(transports)('on %s', (name) => {
  let opened: TestDatabase

  const limited = (user: string, requests: number) =>
    opened.database.forUser(user, 8000, {
      quota: { requests, seconds: 86_400 },
      onPermit: () => {},
    })

  beforeAll(async () => {
    opened = await openTestDatabase(name)
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
    const id = crypto.randomUUID()
    // A sweep comes with every thousandth permit.
    for (let sent = 0; sent < 1000; sent += 1) await own.find(id)
    const left = `select user_id from rate_limits order by 1`
    await expect
      .poll(async () => (await opened.asAdministrator(left)).map((row) => row['user_id']))
      .toEqual(['alice', 'busy', 'mallory', 'nobody'])
  })
})
