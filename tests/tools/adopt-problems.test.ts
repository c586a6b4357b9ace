import { afterEach, describe, expect, test } from 'vitest'
import { adoptIn } from '#tests/support/adopt'
import { openTestDatabase, type TestDatabase } from '#tests/support/databases'
import type { AdoptRequest } from '#tools/adopt/plan'
import { problemKinds, repairableKinds } from '#tools/adopt/problems'

const uuid = '0f5b6f0a-8e0c-4f34-9f6e-2f1c3f0f9a11'
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
      completed boolean, is_completed boolean, created_at timestamp, updated_at timestamp)`,
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
    `insert into tasks select '${uuid.toUpperCase()}', user_id, title, null, true, true, created_at, null from tasks where id = 'good'`,
  )
}

const everyProblem = [
  { kind: 'owner_missing', rows: 1, ids: ['nobody'] },
  { kind: 'owner_unfit', rows: 1, ids: ['unfit'] },
  { kind: 'owner_unknown', rows: 1, ids: ['unknown'] },
  { kind: 'title_blank', rows: 1, ids: ['blank'] },
  { kind: 'title_too_long', rows: 1, ids: ['long'] },
  { kind: 'description_too_long', rows: 1, ids: ['longer'] },
  { kind: 'completed_missing', rows: 1, ids: ['undone'] },
  { kind: 'completed_contradictory', rows: 1, ids: ['both'] },
  { kind: 'time_missing', rows: 2, ids: ['endless', 'timeless'] },
  { kind: 'id_taken', rows: 2, ids: expect.arrayContaining([uuid, uuid.toUpperCase()]) },
]

describe('rows that cannot become tasks', () => {
  test('are listed by id for each reason, and stop it', async () => {
    await openWithEveryProblem()
    expect(everyProblem.map(({ kind }) => kind)).toEqual(problemKinds)
    for (const how of ['look', 'yes'] as const) {
      const { plan, done } = await adoptIn(opened.database, how)
      expect(plan?.rows?.survey).toMatchObject({ rows: 13, copied: 1, stuck: 12 })
      expect(plan?.rows?.survey.problems).toEqual(everyProblem)
      expect(done).toBeUndefined()
    }
    expect(await opened.asAdministrator('select count(*)::int as rows from tasks')).toEqual([
      { rows: 13 },
    ])
  })

  test('stay in the old table where they are to be left, with the reason beside', async () => {
    await openWithEveryProblem()
    const { done } = await adoptIn(opened.database, 'yes', { leave: problemKinds })
    expect(done).toMatchObject({ copied: 1, left: 12, addedUsers: 0 })
    expect(await opened.asAdministrator('select title from tasks')).toEqual([{ title: 'Milk' }])
    const ids = await opened.asAdministrator(
      'select old_id, id is null as is_left, left_because from tasks_before_adoption_ids order by old_id',
    )
    expect(ids).toHaveLength(13)
    expect(ids).toContainEqual({ old_id: 'good', is_left: false, left_because: null })
    expect(ids).toContainEqual({ old_id: 'nobody', is_left: true, left_because: 'owner_missing' })
  })

  test('are mended as they are said to be, and the old table keeps what they were', async () => {
    await openWithEveryProblem()
    const leave = problemKinds.filter((kind) => !repairableKinds.includes(kind))
    const { done } = await adoptIn(opened.database, 'yes', { repair: repairableKinds, leave })
    expect(done).toMatchObject({ copied: 7, left: 6, addedUsers: 1 })
    const tasks = await opened.asAdministrator(
      `select old_id, char_length(title) as title, char_length(description) as description, completed,
        created_at::text, updated_at::text
      from tasks join tasks_before_adoption_ids using (user_id, id) order by old_id collate "C"`,
    )
    const [second, third] = ['2025-01-02 00:00:00+00', '2025-01-03 00:00:00+00']
    const task = { title: 4, description: null, completed: true, created_at: second }
    expect(tasks).toEqual([
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

  test('stop it where one of their reasons is neither mended nor left', async () => {
    await openWithEveryProblem()
    const leave = problemKinds.filter((kind) => kind !== 'title_blank')
    const { plan, done } = await adoptIn(opened.database, 'yes', { leave })
    expect(plan?.rows?.survey).toMatchObject({ left: 11, stuck: 1 })
    expect(done).toBeUndefined()
  })
})

const refusals: { title: string; users?: string; table?: string; fault: string }[] = [
  {
    title: 'another program has accounts there',
    table: 'create table session (id text primary key, user_id uuid references users (id))',
    fault: 'session refers to users',
  },
  {
    title: 'a row needs more than an id',
    users: `id uuid primary key, email text, name text, hashed_password text not null default ''`,
    table: 'alter table users alter hashed_password drop default',
    fault: 'users does not take a row without hashed_password',
  },
]

test.each(refusals)(
  'users are not added where $title',
  async ({ users, table = 'select', fault }) => {
    await openWithEveryProblem(users)
    await opened.asAdministrator(table)
    const request: Partial<AdoptRequest> = { repair: ['owner_unknown'] }
    const { plan, done } = await adoptIn(opened.database, 'yes', request)
    expect(plan?.faults.join()).toContain(fault)
    expect(done).toBeUndefined()
    expect(await opened.asAdministrator('select id from users')).toEqual([{ id: uuid }])
  },
)

/** Adopts rows of a plain table, and returns the kinds of problems of each by its id. */
async function problemsOf(users: string, columns: string, rows: readonly string[]) {
  opened = await openTestDatabase('postgres')
  await opened.asAdministrator(
    `create table users (${users})`,
    `create table tasks (id text primary key, user_id text default 'anna', title text default 'Milk',
      completed boolean default false, created_at timestamptz default now(), updated_at timestamptz)`,
    ...rows.map((row, index) => `insert into tasks (id, ${columns}) values ('${index}', ${row})`),
  )
  const { plan } = await adoptIn(opened.database, 'look', { mostIds: rows.length })
  const kinds: string[][] = rows.map(() => [])
  for (const { kind, ids } of plan?.rows?.survey.problems ?? []) {
    for (const id of ids) kinds[Number(id)]?.push(kind)
  }
  return kinds
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
