import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { callAsForty, type Met } from '#tests/database/callers'
import { openReady } from '#tests/support/databases'
import { tasksOf } from '#tests/support/statements'

describe.each([false, true])('with named statements: %s', async (hasNames) => {
  // No pooler stands between, so they have names where nobody says otherwise.
  const namedStatements = hasNames ? undefined : false
  const options = { poolSize: 1, namedStatements }
  const { database, asAdministrator } = await openReady('postgres', options)

  test('40 callers on one connection, with cancels and errors between them, never meet each other’s role, user or rows', async () => {
    let isOver = false
    // On a busy machine it may take more rounds until a cancel meets a statement.
    const isEnough = (round: number, { cancelled }: Met) => round >= 24 && cancelled > 0
    const calling = callAsForty(database, isEnough).finally(() => {
      isOver = true
    })
    const cancel = `do $$ begin for i in 1..20 loop
      perform pg_cancel_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid();
      perform pg_sleep(random() * 0.01);
    end loop; end $$`
    while (!isOver) await asAdministrator(cancel)
    const { backends, refused, served } = await calling
    expect(backends.size, 'all of it went over one connection').toBe(1)
    const [known = 0] = backends.values()
    if (hasNames) expect(known).toBeGreaterThan(0)
    else expect(known).toBe(0)
    expect(refused).toBeGreaterThan(100)
    expect(served).toBeGreaterThan(400)
  })

  test('a connection that brought a row without its user is closed', async () => {
    const backends = `select pid from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`
    const before = await asAdministrator(backends)
    const rows = database.forUser('user-0').selectFrom('tasks').select('id').execute()
    await expect(rows).rejects.toThrow('the user that asked')
    await tasksOf(database, 'user-1').list()
    expect(await asAdministrator(backends)).not.toEqual(before)
  })

  test('what Postgres refuses fails alone, and a statement that it was to name is there for those behind it', async () => {
    const fails = { sql: 'select 1 / 0', parameters: [] }
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, index) => {
        const named = { sql: `select ${index >> 1} as result`, parameters: [] }
        const statements = index % 2 === 0 ? [fails, named] : [named]
        return database.transport.transaction(statements, 5000, { user: `user-${index}` })
      }),
    )
    for (const [index, result] of results.entries()) {
      if (index % 2 === 0) expect(result).toMatchObject({ reason: { sqlState: '22012' } })
      else expect(result).toMatchObject({ value: [[{ result: index >> 1 }]] })
    }
  })

  test('where a pooler has the server forget all statements, one write is in doubt, and none after it', async () => {
    // A cancel above may have met a statement between losing its name and getting it again.
    const { database: fresh } = await openReady('postgres', options)
    const tasks = tasksOf(fresh, 'forgotten')
    const { id } = await tasks.create()
    const outcomes: unknown[] = []
    for (let round = 0; round < 3; round += 1) {
      await sql`deallocate all`.execute(fresh.forUser('pooler'))
      const flip = tasks.complete(id).then(
        () => 'done',
        ({ kind, mayHaveRun }) => ({ kind, mayHaveRun }),
      )
      outcomes.push(await flip)
    }
    const first = hasNames ? { kind: 'unavailable', mayHaveRun: true } : 'done'
    expect(outcomes).toEqual([first, 'done', 'done'])
  })

  test('a migration that changes a column’s type fails no statement that is known by name', async () => {
    await asAdministrator(
      'create table numbers (value integer)',
      'grant select on numbers to todo_app',
      'insert into numbers values (7)',
    )
    const read = () => sql`select value from numbers`.execute(database.forUser('alice'))
    expect((await read()).rows).toEqual([{ value: 7 }])
    expect((await read()).rows).toEqual([{ value: 7 }])
    await asAdministrator('alter table numbers alter value type text')
    expect((await read()).rows).toEqual([{ value: '7' }])
  })

  test('names that the server has forgotten fail no read', async () => {
    const alice = tasksOf(database, 'alice')
    const read = () => alice.find(crypto.randomUUID())
    await read()
    await database.transport.transaction([{ sql: 'deallocate all', parameters: [] }], 8000)
    expect(await read()).toBeUndefined()
  })
})
