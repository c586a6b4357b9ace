import { afterEach, describe, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase, transports } from '#tests/support/databases'
import { statementsOf } from '#tests/support/statements'
import { adoptIn } from '#tests/tools/adopt'
import { readAskedColumn } from '#tools/adopt/asked-columns'
import { problemKinds, repairableKinds } from '#tools/adopt/problems'
import { describePlan } from '#tools/adopt/report'

const uuid = '0f5b6f0a-8e0c-4f34-9f6e-2f1c3f0f9a11'
/** No version and no variant of RFC 9562, as people type ids in by hand. */
const typedIn = '11111111-1111-1111-1111-111111111111'

let opened: TestDatabase

afterEach(() => opened.close())

/** A row with each kind of problem, and one without. */
async function openWithEveryProblem(users = 'id uuid primary key, email text, name text') {
  opened = await openTestDatabase('postgres')
  const [long, longer] = ['🥖'.repeat(201), 'x'.repeat(1001)]
  await opened.asAdministrator(
    `create table users (${users})`,
    `insert into users (id) values ('${uuid}')`,
    `create table tasks (id text primary key, user_id text, title text, description text,
      completed boolean, is_completed boolean, created_at timestamp, updated_at timestamp,
      deleted_at timestamp)`,
    `insert into tasks select 'good', '${uuid}', ' Milk ', null, true, true, '2025-01-02', '2025-01-03'`,
    `insert into tasks select 'nobody', null, title, null, true, true, created_at, null from tasks`,
    `insert into tasks select 'unfit', 'alice', title, null, true, true, created_at, null from tasks where id = 'good'`,
    `insert into tasks select 'unknown', gen_random_uuid()::text, title, null, true, true, created_at, null from tasks where id = 'good'`,
    `insert into tasks select 'blank', user_id, E' \\u3000\\t', null, true, true, created_at, null from tasks where id = 'good'`,
    `insert into tasks select 'long', user_id, '${long}', null, true, true, created_at, null from tasks where id = 'good'`,
    `insert into tasks select 'longer', user_id, title, '${longer}', true, true, created_at, null from tasks where id = 'good'`,
    `insert into tasks select 'undone', user_id, title, null, null, null, created_at, null from tasks where id = 'good'`,
    `insert into tasks select 'both', user_id, title, null, true, false, created_at, null from tasks where id = 'good'`,
    `insert into tasks select 'timeless', user_id, title, null, true, true, null, updated_at from tasks where id = 'good'`,
    `insert into tasks select 'endless', user_id, title, null, true, true, created_at, 'infinity' from tasks where id = 'good'`,
    `insert into tasks select '${uuid}', user_id, title, null, true, true, created_at, null from tasks where id = 'good'`,
    `insert into tasks select '${uuid.toUpperCase()}', user_id, 'Later', null, true, true, created_at, updated_at from tasks where id = 'good'`,
    `insert into tasks select 'deleted', user_id, title, null, true, true, created_at, null, created_at from tasks where id = 'good'`,
  )
}

const everyProblem = [
  { kind: 'deleted', rows: 1, ids: ['deleted'] },
  { kind: 'owner_missing', rows: 1, ids: ['nobody'] },
  { kind: 'owner_unfit', rows: 1, ids: ['unfit'] },
  { kind: 'owner_unknown', rows: 1, ids: ['unknown'] },
  { kind: 'title_blank', rows: 1, ids: ['blank'] },
  { kind: 'title_too_long', rows: 1, ids: ['long'] },
  { kind: 'description_too_long', rows: 1, ids: ['longer'] },
  { kind: 'completed_missing', rows: 1, ids: ['undone'] },
  { kind: 'completed_contradictory', rows: 1, ids: ['both'] },
  { kind: 'time_missing', rows: 2, ids: ['endless', 'timeless'] },
  { kind: 'id_repeated', rows: 2, ids: expect.arrayContaining([uuid, uuid.toUpperCase()]) },
]

describe('rows that cannot become tasks', () => {
  test('stop it, listed by id for each reason, until each is left in the old table', async () => {
    await openWithEveryProblem()
    expect([...everyProblem.map(({ kind }) => kind), 'id_taken']).toEqual(problemKinds)
    for (const how of ['look', 'yes'] as const) {
      const { plan, done } = await adoptIn(opened.database, how)
      expect(plan?.rows?.survey).toMatchObject({ rows: 14, copied: 1, stuck: 13 })
      expect(plan?.rows?.survey.problems).toEqual(everyProblem)
      expect(done).toBeUndefined()
    }
    const allButOne = problemKinds.filter((kind) => kind !== 'title_blank')
    const { plan, done: stopped } = await adoptIn(opened.database, 'yes', { leave: allButOne })
    expect(plan?.rows?.survey).toMatchObject({ left: 12, stuck: 1 })
    expect(stopped).toBeUndefined()
    const count = 'select count(*)::int as rows from tasks'
    expect(await opened.asAdministrator(count)).toEqual([{ rows: 14 }])

    const { done } = await adoptIn(opened.database, 'yes', { leave: problemKinds })
    expect(done).toMatchObject({ copied: 1, left: 13, addedUsers: 0 })
    expect(await opened.asAdministrator('select title from tasks')).toEqual([{ title: 'Milk' }])
    const ids = await opened.asAdministrator(
      'select old_id, id is null as is_left, left_because from tasks_before_adoption_ids order by old_id',
    )
    expect(ids).toHaveLength(14)
    expect(ids).toContainEqual({ old_id: 'good', is_left: false, left_because: null })
    expect(ids).toContainEqual({ old_id: 'nobody', is_left: true, left_because: 'owner_missing' })
    expect(ids).toContainEqual({ old_id: 'deleted', is_left: true, left_because: 'deleted' })
  })

  test('are mended as they are said to be, and the old table keeps what they were', async () => {
    await openWithEveryProblem()
    const leave = problemKinds.filter((kind) => !repairableKinds.includes(kind))
    const { done } = await adoptIn(opened.database, 'yes', { repair: repairableKinds, leave })
    expect(done).toMatchObject({ copied: 9, left: 5, addedUsers: 1 })
    const tasks = await opened.asAdministrator(
      `select old_id, char_length(title) as title, char_length(description) as description, completed,
        created_at::text, updated_at::text
      from tasks join tasks_before_adoption_ids using (user_id, id) order by old_id collate "C"`,
    )
    const [second, third] = ['2025-01-02 00:00:00+00', '2025-01-03 00:00:00+00']
    const task = { title: 4, description: null, completed: true, created_at: second }
    expect(tasks).toEqual([
      // Of the two spellings of one id, the row that was changed last.
      { old_id: uuid.toUpperCase(), ...task, title: 5, updated_at: third },
      { old_id: 'deleted', ...task, updated_at: second },
      { old_id: 'endless', ...task, updated_at: second },
      { old_id: 'good', ...task, updated_at: third },
      { old_id: 'long', ...task, title: 200, updated_at: second },
      { old_id: 'longer', ...task, description: 1000, updated_at: second },
      { old_id: 'timeless', ...task, created_at: third, updated_at: third },
      { old_id: 'undone', ...task, completed: false, updated_at: second },
      { old_id: 'unknown', ...task, updated_at: second },
    ])
    const whole = `select char_length(title) as title from tasks_before_adoption where id = 'long'`
    expect(await opened.asAdministrator(whole)).toEqual([{ title: 201 }])
  })
})

test('instants are cut to milliseconds, so that no day becomes the next one, and this is said', async () => {
  opened = await openTestDatabase('postgres')
  await opened.asAdministrator(
    'create table tasks (id serial primary key, user_id text, title text, completed boolean, created_at timestamptz)',
    `insert into tasks values (1, 'alice', 'Milk', true, '2025-12-31 23:59:59.999999Z'), (2, 'alice', 'Bread', true, '2025-01-01Z')`,
  )
  const { plan } = await adoptIn(opened.database, 'yes', { repair: ['owner_unknown'] })
  expect(plan?.rows?.survey.finer).toBe(1)
  if (plan === undefined) throw new Error('There is no plan.')
  expect(describePlan(plan, []).lines).toContain(
    'Times of 1 row are cut to milliseconds, not rounded.',
  )
  const found = `select to_char(max(created_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as at from tasks`
  expect(await opened.asAdministrator(found)).toEqual([{ at: '2025-12-31 23:59:59.999000' }])
})

/** Times as a column of a type has them, and the instants that they are; null for none. */
const times: { type: string; column: string; read: [value: string, at: string | null][] }[] = [
  {
    type: 'numeric',
    column: 'created_at=ts:epoch',
    read: [
      ['1735787045', '2025-01-02T03:04:05+00:00'],
      ['1735787045.678', '2025-01-02T03:04:05.678+00:00'],
      ['1735787045678', '2025-01-02T03:04:05.678+00:00'],
      ['1735787045678901', '2025-01-02T03:04:05.678+00:00'],
      ['-1', '1969-12-31T23:59:59+00:00'],
      ['1e300', null],
      ['NaN', null],
    ],
  },
  {
    type: 'text',
    column: 'created_at=ts',
    read: [
      ['2025-01-02T03:04:05.678Z', '2025-01-02T03:04:05.678+00:00'],
      ['2025-01-02 03:04:05.678+01:00', '2025-01-02T02:04:05.678+00:00'],
      ['2025-01-02 03:04', '2025-01-02T02:04:00+00:00'],
      ['2024-02-29', '2024-02-28T23:00:00+00:00'],
      ['2025-02-29', null],
      ['0000-01-01', null],
      ['yesterday', null],
      ['', null],
    ],
  },
]

test.each(times)('times as $type are read, and no other value breaks the adoption', async (by) => {
  opened = await openTestDatabase('postgres')
  await opened.asAdministrator(
    `create table todos (id text primary key, user_id text, title text, done boolean, ts ${by.type})`,
    ...by.read.map(
      ([value]) => `insert into todos values ('${value}', 'a', 'T', true, '${value}')`,
    ),
  )
  const { done } = await adoptIn(opened.database, 'yes', {
    columns: [readAskedColumn(by.column)],
    timeZone: 'Europe/Berlin',
    repair: ['owner_unknown'],
    leave: ['time_missing'],
  })
  expect(done?.copied).toBe(by.read.filter(([, at]) => at !== null).length)
  const found = await opened.asAdministrator(
    "set timezone to 'UTC'",
    `select old_id, to_json(created_at) as at from todos_before_adoption_ids left join tasks using (user_id, id)`,
  )
  expect(new Map(found.map(({ old_id, at }) => [old_id, at]))).toEqual(new Map(by.read))
})

interface Values {
  readonly title: string
  readonly tables: readonly string[]
  readonly user: string
  readonly timeZone?: string
  readonly usersTable?: { schema?: string; table: string }
  /** The task that the only row becomes; its id only where it stays. */
  readonly task: Readonly<Record<string, unknown>>
}

const at = '2025-01-02T03:04:05.678Z'
const plain = { title: 'Milk', description: null, completed: true, created_at: at, updated_at: at }

const values: Values[] = [
  {
    title: 'bigserial ids, users by integers, 0 and 1 for completed, a date',
    tables: [
      'create table users (id integer primary key, email text, name text)',
      `insert into users values (7)`,
      `create table tasks (id bigserial primary key, user_id integer not null references users (id),
        title varchar(200), completed integer, created_at date, updated_at date)`,
      `insert into tasks values (9007199254740993, 7, 'Milk', 1, '2025-01-02', '2025-01-03')`,
    ],
    user: '7',
    task: {
      ...plain,
      created_at: '2025-01-02T00:00:00.000Z',
      updated_at: '2025-01-03T00:00:00.000Z',
    },
  },
  {
    title: 'UUIDs as text, in a form of their own, where users have native ones',
    tables: [
      'create table users (id uuid primary key, email text, name text)',
      `insert into users values ('${uuid}')`,
      `create table tasks (id char(32) primary key, user_id varchar, title text,
        is_completed boolean, created_at timestamptz, updated_at timestamptz)`,
      `insert into tasks values ('${uuid.replaceAll('-', '')}', '${uuid.toUpperCase()}', 'Milk', true, '${at}', null)`,
    ],
    user: uuid,
    task: { ...plain, id: uuid },
  },
  {
    title: 'native UUIDs that users have as text',
    tables: [
      'create table users (id varchar(36) primary key, email text, name text)',
      `insert into users values ('${uuid}')`,
      `create table tasks (id uuid primary key, user_id uuid, title text, description text,
        completed boolean, is_completed boolean, created_at timestamptz, updated_at timestamptz)`,
      `insert into tasks values ('${typedIn}', '${uuid}', 'Milk', '', true, true, '${at}', '${at}')`,
    ],
    user: uuid,
    task: { ...plain, id: typedIn, description: '' },
  },
  {
    title: 'owners by their addresses, as the foreign key has them',
    tables: [
      'create table users (id uuid primary key, email text unique, name text)',
      `insert into users values ('${uuid}', 'a@x.y')`,
      `create table tasks (id serial primary key, created_by text references users (email), title text,
        completed boolean, created_at timestamptz)`,
      `insert into tasks values (1, 'a@x.y', 'Milk', true, '${at}')`,
    ],
    user: uuid,
    task: plain,
  },
  {
    title:
      'Better Auth’s users, ids by nanoid, another schema, other names for columns, a time zone',
    tables: [
      'create schema auth',
      'create table auth."user" (id text primary key, email text not null, name text not null)',
      `insert into auth."user" values ('BetterAuthId', 'a@x.y', 'A')`,
      'create table session (id text primary key, "userId" text references auth."user" (id))',
      `create table tasks (id text primary key, owner_id text references auth."user" (id),
        title text, completed boolean, priority text, tags text[], created_at timestamp)`,
      `insert into tasks values ('V1StGXR8_Z5jdHi6B-myT', 'BetterAuthId', 'Milk', true, 'high', '{home}',
        '2025-07-02 05:04:05.678')`,
    ],
    user: 'BetterAuthId',
    usersTable: { schema: 'auth', table: 'user' },
    timeZone: 'Europe/Berlin',
    task: {
      ...plain,
      created_at: '2025-07-02T03:04:05.678Z',
      updated_at: '2025-07-02T03:04:05.678Z',
    },
  },
]

/** The tables on Postgres, and the last, which has the most of everything, on the others too. */
const cases = transports.flatMap((transport) =>
  (transport === 'postgres' ? values : values.slice(-1)).map((shape) => ({ transport, ...shape })),
)

test.each(cases)('on $transport: $title', async ({ transport, ...shape }) => {
  const { user, usersTable = { table: 'users' }, timeZone = 'UTC' } = shape
  opened = await openTestDatabase(transport, { usersTable })
  await opened.asAdministrator(...shape.tables)
  const rows = () => opened.asAdministrator('select to_jsonb(tasks) as row from tasks')
  const old = await rows()

  const looked = await adoptIn(opened.database, 'look', { usersTable, timeZone })
  expect(looked.plan?.faults).toEqual([])
  expect(looked.plan?.rows?.survey).toMatchObject({ rows: 1, copied: 1, stuck: 0, problems: [] })
  expect(await rows()).toEqual(old)

  const { done } = await adoptIn(opened.database, 'yes', { usersTable, timeZone })
  expect(done).toMatchObject({ copied: 1, left: 0, addedUsers: 0 })
  await opened.database.makeReady()
  expect(await opened.database.isReady()).toBe(true)
  const statements = statementsOf(opened.database.forUser(user), user)
  const [task] = JSON.parse((await statements.list()).json)
  expect(task).toEqual({
    id: expect.any(String),
    user_id: user,
    is_completed: shape.task['completed'],
    ...shape.task,
  })
  const updated = await statements.update(task.id, { title: 'Bread' })
  expect(JSON.parse(updated?.json ?? '')).toMatchObject({ title: 'Bread' })
  const kept = await opened.asAdministrator(
    'select to_jsonb(old) as row from tasks_before_adoption as old',
  )
  expect(kept).toEqual(old)
})

const instant = '2025-07-02T03:04:05.678Z'
const local = '2025-07-02T05:04:05.678'

test.each([
  { type: 'timestamptz', value: instant, means: instant },
  { type: 'timestamptz(3)', value: instant, means: instant },
  { type: 'instants', value: instant, means: instant },
  { type: 'timestamp', value: local, means: instant },
  { type: 'timestamp(3)', value: local, means: instant },
  { type: 'date', value: '2025-07-02', means: '2025-07-01T22:00:00.000Z' },
])('with --timezone Europe/Berlin, a $type of $value is $means', async ({ type, value, means }) => {
  opened = await openTestDatabase('postgres')
  await opened.asAdministrator(
    'create domain instants as timestamptz(3)',
    `create table tasks (id serial primary key, user_id text, title text, completed boolean,
        created_at ${type}, updated_at ${type})`,
    `insert into tasks values (1, 'alice', 'Milk', false, '${value}', '${value}')`,
  )
  const { done } = await adoptIn(opened.database, 'yes', {
    repair: ['owner_unknown'],
    timeZone: 'Europe/Berlin',
  })
  expect(done).toMatchObject({ copied: 1 })
  await opened.database.makeReady()
  const alice = statementsOf(opened.database.forUser('alice'), 'alice')
  expect(JSON.parse((await alice.list()).json)).toMatchObject([
    { created_at: means, updated_at: means },
  ])
})

test('a row with nothing but a title, an owner and a completion becomes a task of now if so decided', async () => {
  opened = await openTestDatabase('postgres')
  await opened.asAdministrator(
    'create table tasks (id serial primary key, user_id text, title text, completed boolean)',
    `insert into tasks values (1, 'alice', 'Milk', false)`,
  )
  const looked = await adoptIn(opened.database, 'look', { repair: ['owner_unknown'] })
  expect(looked.plan?.rows?.survey.problems).toMatchObject([
    { kind: 'owner_unknown' },
    { kind: 'time_missing', rows: 1 },
  ])
  const repair = ['owner_unknown', 'time_missing'] as const
  const { done } = await adoptIn(opened.database, 'yes', { repair })
  expect(done).toMatchObject({ copied: 1, addedUsers: 1 })
  await opened.database.makeReady()
  const alice = statementsOf(opened.database.forUser('alice'), 'alice')
  const [task] = JSON.parse((await alice.list()).json)
  expect(Date.now() - Date.parse(task.created_at)).toBeLessThan(60_000)
})

/** Adopts rows of a plain table without those that have problems, and returns the kinds of each. */
async function problemsOf(users: string, columns: string, rows: readonly string[]) {
  opened = await openTestDatabase('postgres')
  await opened.asAdministrator(
    `create table users (${users})`,
    `create table tasks (id text primary key, user_id text default 'anna', title text default 'Milk',
      completed boolean default false, created_at timestamptz default now(), updated_at timestamptz)`,
    ...rows.map((row, index) => `insert into tasks (id, ${columns}) values ('${index}', ${row})`),
  )
  await adoptIn(opened.database, 'yes', { leave: problemKinds })
  const found = await opened.asAdministrator(
    'select left_because from tasks_before_adoption_ids order by old_id::integer',
  )
  expect(found).toHaveLength(rows.length)
  return found.map(({ left_because }) => String(left_because ?? '').split(', '))
}

test.each([
  { type: 'smallint', fit: ['7', '9999'], unfit: ['', '99999', '-7', '7.0', 'x'] },
  { type: 'integer', fit: ['7', '999999999'], unfit: ['9999999999', '-7', '0x7', 'x'] },
  { type: 'bigint', fit: ['7', '9'.repeat(18)], unfit: ['9'.repeat(19), '-7', 'x'] },
  { type: 'uuid', fit: [uuid, uuid.toUpperCase()], unfit: [`${uuid}0`, '7', 'x'] },
  { type: 'varchar(4)', fit: ['anna', '🎉🎉🎉🎉'], unfit: ['annas', '🎉🎉🎉🎉🎉'] },
  { type: 'char(4)', fit: ['anna', '🎉🎉🎉🎉'], unfit: ['annas', '🎉🎉🎉🎉🎉'] },
  { type: 'text', fit: ['x'.repeat(300), '🎉'], unfit: [] },
])('users with $type ids can be $fit, and not $unfit', async ({ type, fit, unfit }) => {
  const owners = [...fit, ...unfit].map((owner) => `'${owner}'`)
  const kinds = await problemsOf(`id ${type} primary key, email text, name text`, 'user_id', owners)
  const expected = [
    ...fit.map(() => ['owner_unknown']),
    ...unfit.map((owner) => [owner === '' ? 'owner_missing' : 'owner_unfit']),
  ]
  expect(kinds).toEqual(expected)
})

const users = 'id text primary key, email text, name text'

test('times are taken from the second day of the year 1 to the last but one of 9999', async () => {
  const times = ['0001-01-02', '9999-12-30', '0001-01-01', '9999-12-31', 'infinity', '-infinity']
  const kinds = await problemsOf(
    users,
    'created_at',
    times.map((time) => `'${time} UTC'`.replace(/inity UTC/, 'inity')),
  )
  const missing = kinds.map((each) => each.includes('time_missing'))
  expect(missing).toEqual([false, false, true, true, true, true])
})

test('a title loses the white space that the API takes off, all of it', async () => {
  const codes = Array.from({ length: 0x10000 }, (_, code) => code).filter((code) => code > 0)
  const spaces = codes.map((code) => String.fromCharCode(code)).filter((text) => text.trim() === '')
  expect(spaces.length).toBeGreaterThan(20)
  const others = ['\u180e', '\u200b', '\u2060', '\u0085']
  const titles = [...spaces, ...others].map((text) => `'${text}'`)
  const kinds = await problemsOf(users, 'title', titles)
  const blank = kinds.map((each) => each.includes('title_blank'))
  expect(blank).toEqual([...spaces.map(() => true), ...others.map(() => false)])
})
