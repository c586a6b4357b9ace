import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '#tests/support/databases'
import { statementsOf } from '#tests/support/statements'

describe.each([false, true])('with named statements: %s', (namedStatements) => {
  let opened: TestDatabase

  beforeAll(async () => {
    opened = await openTestDatabase('postgres', { poolSize: 1, namedStatements })
    await opened.database.makeReady()
  })
  afterAll(() => opened?.close())

  test('whatever is cancelled, no statement runs without the role and the user before it', async () => {
    const db = opened.database.forUser('alice')
    const look = sql<{ role: string; user: string }>`
      select current_user::text as role, current_setting('app.user_id', true) as "user"`
    let isOver = false
    const cancelling = (async () => {
      while (!isOver) {
        await opened.asAdministrator(
          `do $$ begin for i in 1..300 loop
            perform pg_cancel_backend(pid) from pg_stat_activity
              where datname = current_database() and pid <> pg_backend_pid();
          end loop; end $$`,
        )
      }
    })()
    const roles = new Set<string>()
    let cancelled = 0
    const startedAt = performance.now()
    const isLong = () => performance.now() - startedAt > (cancelled > 0 ? 1500 : 20_000)
    while (!isLong()) {
      await look.execute(db).then(
        ({ rows }) => roles.add(`${rows[0]?.role} ${rows[0]?.user}`),
        (error) => {
          expect(error).toMatchObject({ sqlState: '57014', kind: 'unavailable' })
          cancelled += 1
        },
      )
    }
    isOver = true
    await cancelling
    expect([...roles]).toEqual(['todo_app alice'])
    expect(cancelled).toBeGreaterThan(0)
    expect((await look.execute(db)).rows).toEqual([{ role: 'todo_app', user: 'alice' }])
  })

  test('a statement is parsed once where it has a name, and each time where it has none', async () => {
    const db = opened.database.forUser('alice')
    const runs = sql<{ runs: number }>`select (generic_plans + custom_plans)::int as runs
      from pg_prepared_statements where statement like '%as runs%' and name <> ''`
    for (let run = 0; run < 3; run += 1) await runs.execute(db)
    expect((await runs.execute(db)).rows).toEqual(namedStatements ? [{ runs: 4 }] : [])
  })

  test('a migration that changes a column’s type fails no statement that is known by name', async () => {
    await opened.asAdministrator(
      'create table numbers (value integer)',
      'grant select on numbers to todo_app',
      'insert into numbers values (7)',
    )
    const read = () => sql`select value from numbers`.execute(opened.database.forUser('alice'))
    expect((await read()).rows).toEqual([{ value: 7 }])
    expect((await read()).rows).toEqual([{ value: 7 }])
    await opened.asAdministrator('alter table numbers alter value type text')
    expect((await read()).rows).toEqual([{ value: '7' }])
  })

  test('names that the server has forgotten fail no read', async () => {
    const alice = statementsOf(opened.database.forUser('alice'), 'alice')
    const read = () => alice.find(crypto.randomUUID())
    await read()
    await opened.database.transport.transaction([{ sql: 'deallocate all', parameters: [] }], 8000)
    expect(await read()).toBeUndefined()
  })

  test('a connection that has had an error serves the same statement again', async () => {
    const db = opened.database.forUser('alice')
    const divide = (by: number) => sql`select 12 / ${by}::int as result`.execute(db)
    for (let round = 0; round < 3; round += 1) {
      await expect(divide(0)).rejects.toMatchObject({ sqlState: '22012' })
      expect((await divide(4)).rows).toEqual([{ result: 3 }])
    }
    const backends = await sql`select count(*)::int as count from pg_stat_activity
      where datname = current_database()`.execute(db)
    expect(backends.rows).toEqual([{ count: 1 }])
  })
})
