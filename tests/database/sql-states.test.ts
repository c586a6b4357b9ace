import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { isDatabaseError, sqlStates as used } from '#db/errors'
import { problemTypes, toProblem } from '#lib/http/errors'
import { openReady, transports } from '#tests/support/databases'
import { tasksOf } from '#tests/support/statements'

/** Those of each class that `docs/database.md` names by its first two characters. */
const members: Record<string, readonly string[]> = {
  '08': ['08006', '08000', '08001', '08003', '08004', '08007', '08P01'],
  '28': ['28000', '28P01'],
  '40': ['40001', '40P01', '40000', '40002', '40003'],
  '53': ['53200', '53000', '53100', '53400'],
  '57': ['57P03', '57000', '57P01', '57P02', '57P04', '57P05'],
  '58': ['58030', '58000', '58P01'],
  'any other': ['XX001', 'XX000', '42703', '23514', '22012', '25P02', '55P02', '54000'],
}

const row = /^\| (\d+) `(\w+)` \| (yes|no) \| (.*) \|$/gm
const rows = readFileSync('docs/database.md', 'utf8').matchAll(row)

/** What `docs/database.md` says of each SQLSTATE or class. */
const documented = [...rows].flatMap(([, status, code, retried, states = '']) =>
  Array.from(states.matchAll(/`(\w+)`|any other/g), ([, name = 'any other']) => ({
    name,
    ...{ status: Number(status), code, isRetried: retried === 'yes' },
  })),
)

const codes: Partial<Record<string, keyof typeof problemTypes>> = {
  unavailable: 'database_unavailable',
  unknown_user: 'account_unknown',
  rate_limited: 'rate_limited',
}

test('the table of SQLSTATEs in docs/database.md is the one that the service uses', () => {
  const expected = Object.entries(used).map(([name, { kind, transient }]) => {
    const code = codes[kind] ?? 'internal_error'
    return { name, status: problemTypes[code].status, code, isRetried: transient }
  })
  const named = documented.filter(({ name }) => name !== 'any other')
  const byName = (one: { name: string }, other: { name: string }) =>
    one.name < other.name ? -1 : 1
  expect(named.sort(byName)).toEqual(expected.sort(byName))
})

const writes = ['insert', 'update', 'delete'] as const

/** Where they come from decides what they mean: see the last test. */
const ofUsers = ['23502', '23503']

/** Each other SQLSTATE that Postgres has there during each write: every one has a user and a task. */
const cases = documented
  .filter(({ name }) => !ofUsers.includes(name))
  .flatMap(({ name, ...said }) =>
    (members[name] ?? [name]).flatMap((sqlState) =>
      writes.map((write) => ({ ...said, sqlState, write })),
    ),
  )
  .map((each, index) => ({
    ...each,
    user: `${each.write}_${each.sqlState}`.toLowerCase(),
    id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
  }))

/** SQLSTATEs after which nobody knows whether a statement was done. */
const inDoubt = {
  postgres: /^08|^40003$/,
  pglite: /^08|^40003$/,
  // It is Neon's proxy that says so, of a compute that was shut down meanwhile.
  neon: /^08|^40003$|^57P0[12]$/,
}

describe.each(transports)('on %s, a write that Postgres fails', async (transport) => {
  const { database, asAdministrator } = await openReady(transport)
  const failures = new Map<string, unknown>()
  const attempts = new Map<unknown, unknown>()

  const owned = cases.filter(({ write }) => write !== 'insert')
  await asAdministrator(
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

  async function fail({ user, write, id }: (typeof cases)[number]): Promise<void> {
    const own = tasksOf(database, user, 20_000)
    const send = { insert: own.insert, update: own.complete, delete: own.remove }
    await send[write](id).catch((error: unknown) => failures.set(user, error))
  }
  // A few at once: what waits for too long is refused unsent, on a slow machine soonest.
  for (let from = 0; from < cases.length; from += 12) {
    await Promise.all(cases.slice(from, from + 12).map(fail))
  }
  const counts = 'select sequencename as user, last_value::int as count from pg_sequences'
  for (const { user, count } of await asAdministrator(counts)) attempts.set(user, count)

  test.each(cases)('during its $write with $sqlState is a $code', (planted) => {
    const { user, write, sqlState, status, code, isRetried } = planted
    const error = failures.get(user)
    if (!isDatabaseError(error)) throw new Error(`It threw ${String(error)}`)
    expect(error.sqlState).toBe(sqlState)
    const mayHaveRun = inDoubt[transport].test(sqlState)
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

  test('an account is unknown where its row is missing, and not where somebody’s own table or column is in the way', async () => {
    const id = crypto.randomUUID()
    const of = (user: string) => tasksOf(database, user)
    await asAdministrator('drop trigger planted on tasks')
    await of('alice').insert(id)
    await asAdministrator(
      `alter table users add needed text not null default ''`,
      'alter table users alter needed drop default',
    )
    const unknown = { kind: 'unknown_user' }
    await expect(of('bob').insert(id)).rejects.toMatchObject({ ...unknown, sqlState: '23502' })
    await asAdministrator(
      'create table session (user_id text references users)',
      'create table comments (user_id text, task_id uuid, foreign key (user_id, task_id) references tasks)',
      `insert into comments values ('alice', '${id}')`,
    )
    await expect(of('bob').insert(id)).rejects.toMatchObject({ ...unknown, sqlState: '23503' })
    const fault = { kind: 'internal' }
    await expect(of('alice').remove(id)).rejects.toMatchObject({ ...fault, sqlState: '23503' })
    await asAdministrator(
      'alter table tasks add priority int not null default 0',
      'alter table tasks alter priority drop default',
    )
    const creating = of('alice').insert(crypto.randomUUID())
    await expect(creating).rejects.toMatchObject({ ...fault, sqlState: '23502' })
  })
})
