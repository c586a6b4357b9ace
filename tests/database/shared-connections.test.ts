import { sql } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { callAsForty } from '#tests/database/callers'
import { openReady } from '#tests/support/databases'
import { statementsOf } from '#tests/support/statements'

describe.each([false, true])('with named statements: %s', async (hasNames) => {
  // No pooler stands between, so they have names where nobody says otherwise.
  const namedStatements = hasNames ? undefined : false
  const opened = await openReady('postgres', { poolSize: 1, namedStatements })
  afterAll(opened.close)

  const backends = async () => {
    const rows = await opened.asAdministrator(
      'select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )
    return rows.map(({ pid }) => pid)
  }

  test('40 callers on one connection, with cancels and errors between them, never meet each other’s role, user or rows', async () => {
    let isOver = false
    // On a busy machine it may take more rounds until a cancel meets a statement.
    const calling = callAsForty(
      opened.database,
      (round, { cancelled }) => round >= 24 && cancelled > 0,
    ).finally(() => {
      isOver = true
    })
    const cancel = `do $$ begin for i in 1..20 loop
      perform pg_cancel_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid();
      perform pg_sleep(random() * 0.01);
    end loop; end $$`
    while (!isOver) await opened.asAdministrator(cancel)
    const { backends, refused, served } = await calling
    expect(backends.size, 'all of it went over one connection').toBe(1)
    expect(refused).toBeGreaterThan(100)
    expect(served).toBeGreaterThan(400)
  })

  test('a connection that brought a row without its user is closed', async () => {
    const before = await backends()
    const rows = opened.database.forUser('user-0').selectFrom('tasks').select('id').execute()
    await expect(rows).rejects.toThrow('the user that asked')
    await statementsOf(opened.database.forUser('user-1'), 'user-1').list()
    expect(await backends()).not.toEqual(before)
  })

  test('what Postgres refuses fails alone, and a statement that it was to name is there for those behind it', async () => {
    const fails = { sql: 'select 1 / 0', parameters: [] }
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, index) => {
        const named = { sql: `select ${index >> 1} as result`, parameters: [] }
        const statements = index % 2 === 0 ? [fails, named] : [named]
        return opened.database.transport.transaction(statements, 5000, { user: `user-${index}` })
      }),
    )
    for (const [index, result] of results.entries()) {
      if (index % 2 === 0) expect(result).toMatchObject({ reason: { sqlState: '22012' } })
      else expect(result).toMatchObject({ value: [[{ result: index >> 1 }]] })
    }
  })

  test('where a pooler has the server forget all statements, one write is in doubt, and none after it', async () => {
    // A cancel above may have met a statement between losing its name and getting it again.
    const { database, close } = await openReady('postgres', { poolSize: 1, namedStatements })
    const tasks = statementsOf(database.forUser('forgotten'), 'forgotten')
    const id = crypto.randomUUID()
    await tasks.insert(id)
    const outcomes: unknown[] = []
    for (let round = 0; round < 3; round += 1) {
      await sql`deallocate all`.execute(database.forUser('pooler'))
      const flip = tasks.complete(id).then(
        () => 'done',
        ({ kind, mayHaveRun }) => ({ kind, mayHaveRun }),
      )
      outcomes.push(await flip)
    }
    await close()
    const first = hasNames ? { kind: 'unavailable', mayHaveRun: true } : 'done'
    expect(outcomes).toEqual([first, 'done', 'done'])
  })

  test('a statement is parsed once where it has a name, and each time where it has none', async () => {
    const db = opened.database.forUser('alice')
    const runs = sql<{ runs: number }>`select (generic_plans + custom_plans)::int as runs
      from pg_prepared_statements where statement like '%as runs%' and name <> ''`
    for (let run = 0; run < 3; run += 1) await runs.execute(db)
    expect((await runs.execute(db)).rows).toEqual(hasNames ? [{ runs: 4 }] : [])
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
})
