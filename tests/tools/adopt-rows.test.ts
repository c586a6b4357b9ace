import { expect, test } from 'vitest'
import { openEmpty, type TestDatabase } from '#tests/support/databases'
import { adoptIn, parseOptions } from '#tests/tools/adopt'
import { type ProblemKind, problemKinds, repairableKinds } from '#tools/adopt/problems'

const uuid = '0f5b6f0a-8e0c-4f34-9f6e-2f1c3f0f9a11'

let opened: TestDatabase

const updated = '2025-01-03'
const later = `updated_at = '${updated}'`
/** A row with each kind of problem: what is wrong with it, and how its task differs once it is mended. */
const wrong: readonly [id: string, kind: ProblemKind, change: string, mended?: object][] = [
  ['deleted', 'deleted', 'deleted_at = created_at', {}],
  ['nobody', 'owner_missing', 'user_id = null'],
  ['unfit', 'owner_unfit', `user_id = 'alice'`],
  ['unknown', 'owner_unknown', 'user_id = gen_random_uuid()', {}],
  ['blank', 'title_blank', `title = E' \\u3000\\t'`],
  ['long', 'title_too_long', `title = repeat('🥖', 201)`, { title: 200 }],
  ['longer', 'description_too_long', `description = repeat('x', 1001)`, { description: 1000 }],
  ['undone', 'completed_missing', 'completed = null, is_completed = null', { completed: false }],
  ['both', 'completed_contradictory', 'is_completed = false'],
  ['timeless', 'time_missing', `created_at = null, ${later}`, { created: updated, updated }],
  ['endless', 'time_missing', `updated_at = 'infinity'`, {}],
  // Of the two spellings of one id, the row that was changed last.
  [uuid, 'id_repeated', 'updated_at = null'],
  [uuid.toUpperCase(), 'id_repeated', `title = 'Later', ${later}`, { title: 5, updated }],
]

/** Those rows, and one without a problem. */
async function openWithEveryProblem() {
  opened = await openEmpty('postgres')
  await opened.asAdministrator(
    'create table users (id uuid primary key, email text, name text)',
    `insert into users (id) values ('${uuid}')`,
    `create table tasks (id text primary key, user_id text, title text, description text,
      completed boolean, is_completed boolean, created_at timestamp, updated_at timestamp,
      deleted_at timestamp)`,
    ...['good', ...wrong.map(([id]) => id)].map(
      (id) =>
        `insert into tasks values ('${id}', '${uuid}', ' Milk ', null, true, true, '2025-01-02')`,
    ),
    ...wrong.map(([id, , change]) => `update tasks set ${change} where id = '${id}'`),
  )
}

test('rows that cannot become tasks stop it, listed by id for each reason, until each is left in the old table', async () => {
  await openWithEveryProblem()
  const everyProblem = problemKinds.slice(0, -1).map((kind) => {
    const ids = wrong.flatMap(([id, ...row]) => (row[0] === kind ? [id] : []))
    return { kind, rows: ids.length, ids: expect.arrayContaining(ids) }
  })
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
  expect(await opened.asAdministrator('select from tasks')).toHaveLength(14)

  const { done } = await adoptIn(opened.database, 'yes', { leave: problemKinds })
  expect(done).toMatchObject({ copied: 1, left: 13, addedUsers: 0 })
  expect(await opened.asAdministrator('select title from tasks')).toEqual([{ title: 'Milk' }])
  const ids = await opened.asAdministrator(
    'select old_id, id is null as is_left, left_because from tasks_before_adoption_ids order by old_id',
  )
  expect(ids).toHaveLength(14)
  expect(ids).toContainEqual({ old_id: 'good', is_left: false, left_because: null })
  expect(ids).toContainEqual({ old_id: 'nobody', is_left: true, left_because: 'owner_missing' })
})

test('rows are mended as it is said, and the old table keeps what they were', async () => {
  await openWithEveryProblem()
  const leave = problemKinds.filter((kind) => !repairableKinds.includes(kind))
  const { done } = await adoptIn(opened.database, 'yes', { repair: repairableKinds, leave })
  expect(done).toMatchObject({ copied: 9, left: 5, addedUsers: 1 })
  const tasks = await opened.asAdministrator(
    `select old_id, char_length(title) as title, char_length(description) as description, completed,
      created_at::date::text as created, updated_at::date::text as updated
    from tasks join tasks_before_adoption_ids using (user_id, id)`,
  )
  const times = { created: '2025-01-02', updated: '2025-01-02' }
  const task = { old_id: 'good', title: 4, description: null, completed: true, ...times }
  const mended = wrong.flatMap(([id, , , differs]) =>
    differs ? [{ ...task, old_id: id, ...differs }] : [],
  )
  expect(tasks).toHaveLength(9)
  expect(tasks).toEqual(expect.arrayContaining([task, ...mended]))
  const whole = `select char_length(title) as title from tasks_before_adoption where id = 'long'`
  expect(await opened.asAdministrator(whole)).toEqual([{ title: 201 }])
})

/** What is read in summer, in the time zone of Berlin. */
const [instant, local] = ['2025-07-02T03:04:05.678Z', '2025-07-02T05:04:05.678']

/** Times as columns of a type have them, and the instants that they are; null for none. */
const times: Record<string, Record<string, string | null>> = {
  timestamptz: {
    [instant]: instant,
    // Rounded, it would be the next day.
    '2025-12-31 23:59:59.999999Z': '2025-12-31T23:59:59.999Z',
    '0001-01-02Z': '0001-01-02T00:00:00.000Z',
    '9999-12-30Z': '9999-12-30T00:00:00.000Z',
    ...{ '0001-01-01Z': null, '9999-12-31Z': null, infinity: null, '-infinity': null },
  },
  'timestamptz(3)': { [instant]: instant },
  instants: { [instant]: instant },
  timestamp: { [local]: instant },
  'timestamp(3)': { [local]: instant },
  date: { '2025-07-02': '2025-07-01T22:00:00.000Z' },
  numeric: {
    '1735787045': '2025-01-02T03:04:05.000Z',
    '1735787045.678': '2025-01-02T03:04:05.678Z',
    '1735787045678': '2025-01-02T03:04:05.678Z',
    '1735787045678901': '2025-01-02T03:04:05.678Z',
    '-1': '1969-12-31T23:59:59.000Z',
    ...{ '1e300': null, NaN: null },
  },
  text: {
    [instant]: instant,
    '2025-01-02 03:04:05.678+01:00': '2025-01-02T02:04:05.678Z',
    '2025-01-02 03:04': '2025-01-02T02:04:00.000Z',
    '2024-02-29': '2024-02-28T23:00:00.000Z',
    ...{ '2025-02-29': null, '0000-01-01': null, yesterday: null, '': null },
  },
}

test.each(Object.entries(times))(
  'times as %s are read, cut to milliseconds, and no other value breaks the adoption',
  async (type, read) => {
    opened = await openEmpty('postgres')
    await opened.asAdministrator(
      "set timezone to 'UTC'",
      'create domain instants as timestamptz(3)',
      `create table todos (id text primary key, user_id text, title text, done boolean, ts ${type})`,
      ...Object.keys(read).map(
        (at) => `insert into todos values ('${at}', 'a', 'T', true, '${at}')`,
      ),
    )
    const options = [
      `--column created_at=ts${type === 'numeric' ? ':epoch' : ''}`,
      ...['--timezone Europe/Berlin', '--repair owner_unknown', '--leave time_missing'],
    ]
    await adoptIn(opened.database, 'yes', parseOptions(options))
    const found = await opened.asAdministrator(
      `select old_id, to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at
      from todos_before_adoption_ids left join tasks using (user_id, id)`,
    )
    const expected = Object.entries(read).map(([time, at]) => ({ old_id: time, at }))
    expect(found).toEqual(expect.arrayContaining(expected))
  },
)

/** Adopts rows of a plain table without those that have problems, and returns the kinds of each. */
async function problemsOf(idType: string, column: string, values: readonly string[]) {
  opened = await openEmpty('postgres')
  await opened.asAdministrator(
    `create table users (id ${idType} primary key, email text, name text)`,
    `create table tasks (id text primary key, user_id text default 'anna', title text default 'Milk',
      completed boolean default false, created_at timestamptz default now())`,
    ...values.map(
      (value, index) => `insert into tasks (id, ${column}) values ('${index}', '${value}')`,
    ),
  )
  await adoptIn(opened.database, 'yes', { leave: problemKinds })
  const found = await opened.asAdministrator(
    'select left_because from tasks_before_adoption_ids order by old_id::integer',
  )
  return found.map(({ left_because }) => String(left_because))
}

test.each([
  { type: 'smallint', fit: ['7', '9999'], unfit: ['99999', '-7', '7.0', 'x'] },
  { type: 'integer', fit: ['7', '999999999'], unfit: ['9999999999', '-7', '0x7', 'x'] },
  { type: 'bigint', fit: ['7', '9'.repeat(18)], unfit: ['9'.repeat(19), '-7', 'x'] },
  { type: 'uuid', fit: [uuid, uuid.toUpperCase()], unfit: [`${uuid}0`, '7', 'x'] },
  { type: 'varchar(4)', fit: ['anna', '🎉🎉🎉🎉'], unfit: ['annas', '🎉🎉🎉🎉🎉'] },
  { type: 'char(4)', fit: ['anna', '🎉🎉🎉🎉'], unfit: ['annas', '🎉🎉🎉🎉🎉'] },
  { type: 'text', fit: ['x'.repeat(300), '🎉'], unfit: [] },
])('users with $type ids can be $fit, and not $unfit', async ({ type, fit, unfit }) => {
  const kinds = await problemsOf(type, 'user_id', ['', ...fit, ...unfit])
  const expected = [...fit.map(() => 'owner_unknown'), ...unfit.map(() => 'owner_unfit')]
  expect(kinds).toEqual(['owner_missing', ...expected])
})

test('a title loses the white space that the API takes off, all of it', async () => {
  const characters = Array.from({ length: 0xffff }, (_, index) => String.fromCharCode(index + 1))
  const spaces = characters.filter((text) => text.trim() === '')
  expect(spaces.length).toBeGreaterThan(20)
  const others = ['\u180e', '\u200b', '\u2060', '\u0085']
  const kinds = await problemsOf('text', 'title', [...spaces, ...others])
  const blank = kinds.map((each) => each.includes('title_blank'))
  expect(blank).toEqual([...spaces.map(() => true), ...others.map(() => false)])
})
