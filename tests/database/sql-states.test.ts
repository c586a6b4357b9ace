import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isDatabaseError } from '#db/errors'
import { problemTypes, toProblem } from '#lib/http/errors'
import { isInDoubt, sqlStates } from '#tests/database/sql-states'
import { openTestDatabase, type TestDatabase, transports } from '#tests/support/databases'
import { statementsOf } from '#tests/support/statements'

const writes = ['insert', 'update', 'delete'] as const
type Write = (typeof writes)[number]

/** Each SQLSTATE of `docs/database.md` during each write: every one has a user and a task. */
const cases = sqlStates
  .flatMap((state) => writes.map((write) => ({ ...state, write })))
  .map((each, index) => ({
    ...each,
    user: `${each.write}_${each.sqlState}`.toLowerCase(),
    id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
  }))

/** Over HTTP it is Neon's proxy that says so, of a compute that was shut down meanwhile. */
const isInDoubtOn = (transport: string, sqlState: string) =>
  isInDoubt(sqlState) || (transport === 'neon' && /^57P0[12]$/.test(sqlState))

describe.each(transports)('on %s, a write that Postgres fails', (transport) => {
  let opened: TestDatabase
  const failures = new Map<string, unknown>()
  const attempts = new Map<unknown, unknown>()

  beforeAll(async () => {
    opened = await openTestDatabase(transport)
    await opened.database.makeReady()
    const owned = cases.filter(({ write }) => write !== 'insert')
    await opened.asAdministrator(
      ...cases.map(({ user }) => `create sequence ${user}`),
      'grant usage on all sequences in schema public to todo_app',
      `insert into users (id) values ${cases.map(({ user }) => `('${user}')`).join()}`,
      `insert into tasks (user_id, id, title) values ${owned
        .map(({ user, id }) => `('${user}', '${id}', 'Milk')`)
        .join()}`,
      // The user's id says with what to fail, so that all of them can go on at once.
      `create function fail() returns trigger language plpgsql as $$
        declare failing text := case tg_op when 'INSERT' then new.user_id else old.user_id end;
        begin
          perform nextval(failing::regclass);
          raise exception 'planted' using errcode = upper(split_part(failing, '_', 2)), detail = '7';
        end $$`,
      `create trigger planted before insert or update or delete on tasks
        for each row execute function fail()`,
    )
    const fail = async ({ user, write, id }: (typeof cases)[number]) => {
      const own = statementsOf(opened.database.forUser(user, 20_000), user)
      const send: Record<Write, () => Promise<unknown>> = {
        insert: () => own.insert(id),
        update: () => own.complete(id),
        delete: () => own.remove(id),
      }
      await send[write]().catch((error: unknown) => failures.set(user, error))
    }
    // A few at once: what waits for too long is refused unsent, on a slow machine soonest.
    for (let from = 0; from < cases.length; from += 12) {
      await Promise.all(cases.slice(from, from + 12).map(fail))
    }
    const counts = 'select sequencename as user, last_value::int as count from pg_sequences'
    for (const { user, count } of await opened.asAdministrator(counts)) attempts.set(user, count)
  })
  afterAll(() => opened?.close())

  test.each(cases)('during its $write with $sqlState is a $code', (planted) => {
    const { user, write, sqlState, status, code, isRetried } = planted
    const error = failures.get(user)
    if (!isDatabaseError(error)) throw new Error(`It threw ${String(error)}`)
    expect(error.sqlState).toBe(sqlState)
    const mayHaveRun = isInDoubtOn(transport, sqlState)
    expect(error.mayHaveRun).toBe(mayHaveRun)
    const problem = toProblem(error)
    expect([problem.code, problemTypes[problem.code].status]).toEqual([code, status])
    if (status === 503) {
      const says = mayHaveRun ? 'Read before you repeat it.' : 'Nothing was changed.'
      expect(problem.detail).toContain(says)
    }
    // An insert names its row, so that a second one finds it.
    const isRepeated = isRetried && !(mayHaveRun && write !== 'insert')
    if (isRepeated) expect(attempts.get(user)).toBeGreaterThan(1)
    else expect(attempts.get(user)).toBe(1)
  })
})
