import { expect, test } from 'vitest'
import { adoptIn } from '#tests/support/adopt'
import { openTestDatabase, transports } from '#tests/support/databases'
import { statementsOf } from '#tests/support/statements'

const uuid = '0f5b6f0a-8e0c-4f34-9f6e-2f1c3f0f9a11'
/** No version and no variant of RFC 9562, as people type ids in by hand. */
const typedIn = '11111111-1111-1111-1111-111111111111'
const at = '2025-01-02T03:04:05.678Z'

interface Shape {
  readonly title: string
  readonly tables: readonly string[]
  readonly user: string
  readonly timeZone?: string
  readonly usersTable?: { schema?: string; table: string }
  /** The task that the only row becomes; its id only where it stays. */
  readonly task: Readonly<Record<string, unknown>>
}

const plain = { title: 'Milk', description: null, completed: true, created_at: at, updated_at: at }

const shapes: Shape[] = [
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

/** The shapes on Postgres, and the last, which has the most of everything, on the others too. */
const cases = transports.flatMap((transport) =>
  (transport === 'postgres' ? shapes : shapes.slice(-1)).map((shape) => ({ transport, ...shape })),
)

test.each(cases)(
  'on $transport: $title',
  async ({ transport, ...shape }) => {
    const { user, usersTable = { table: 'users' }, timeZone = 'UTC' } = shape
    const opened = await openTestDatabase(transport, { usersTable })
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
    await opened.close()
  },
  60_000,
)

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
  const opened = await openTestDatabase('postgres')
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
  await opened.close()
})

test('a row with nothing but a title, an owner and a completion becomes a task of now', async () => {
  const opened = await openTestDatabase('postgres')
  await opened.asAdministrator(
    'create table tasks (id serial primary key, user_id text, title text, completed boolean)',
    `insert into tasks values (1, 'alice', 'Milk', false)`,
  )
  const { done } = await adoptIn(opened.database, 'yes', { repair: ['owner_unknown'] })
  expect(done).toMatchObject({ copied: 1, addedUsers: 1 })
  await opened.database.makeReady()
  const alice = statementsOf(opened.database.forUser('alice'), 'alice')
  const [task] = JSON.parse((await alice.list()).json)
  expect(Date.now() - Date.parse(task.created_at)).toBeLessThan(60_000)
  await opened.close()
})

const refused: { title: string; tables: string[]; fault: RegExp }[] = [
  {
    title: 'a table without a column for completion',
    tables: ['create table tasks (id serial primary key, user_id text, title text, status text)'],
    fault: /no column completed or is_completed/,
  },
  {
    title: 'a time as a number',
    tables: [
      `create table tasks (id serial primary key, user_id text, title text, completed boolean,
        created_at bigint)`,
    ],
    fault: /created_at is bigint/,
  },
  {
    title: 'ids that are no key',
    tables: ['create table tasks (id integer, user_id text, title text, completed boolean)'],
    fault: /id is no primary key/,
  },
  {
    title: 'a view',
    tables: [
      `create view tasks as select 1 as id, 'a'::text as user_id, 'b'::text as title, true as completed`,
    ],
    fault: /is no table/,
  },
  {
    title: 'owners in another users table',
    tables: [
      'create table "user" (id text primary key)',
      `create table tasks (id serial primary key, user_id text references "user" (id), title text,
        completed boolean)`,
    ],
    fault: /set USERS_TABLE to "user"/,
  },
]

test.each(refused)('$title is refused, and the reason said', async ({ tables, fault }) => {
  const opened = await openTestDatabase('postgres')
  await opened.asAdministrator(...tables)
  const { plan, done } = await adoptIn(opened.database, 'yes')
  expect(plan?.faults.join()).toMatch(fault)
  expect(done).toBeUndefined()
  expect(await opened.asAdministrator(`select to_regclass('rate_limits') as found`)).toEqual([
    { found: null },
  ])
  await opened.close()
})
