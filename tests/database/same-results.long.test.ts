import { expect, test } from 'vitest'
import { readPages } from '#tests/database/users'
import { everyTransport, openEmpty, openReady, type TestDatabase } from '#tests/support/databases'
import { tasksOf } from '#tests/support/statements'

const titles = [
  ...['zebra', 'Äpfel', 'apple', 'Apple', 'äpfel', 'Zebra', 'éclair', 'eclair', 'Ångström', 'z'],
  ...['ñandú', 'nacho', '10 eggs', '9 eggs', '中文', 'emoji 🎉', '"quotes" \\ and \t tab', 'ß'],
  ...['ss', "O'Brien", 'İstanbul', 'istanbul', '–dash', '_under', 'a b', 'ab', 'A b', '$1 {x} %s'],
]
/** Both keep the byte order mark in front. */
const [alices, description] = ['\ufeffalice', '\ufeffLine 1\nLine 2 of ']
const idOf = (index: number) => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`

/** Everything a caller can get to see, in the order in which it was asked for. */
async function story({ database, asAdministrator }: TestDatabase): Promise<unknown[]> {
  const alice = tasksOf(database, alices)
  const seen: unknown[] = []
  for (const [index, title] of titles.entries()) {
    const text = index % 3 === 0 ? null : description + title
    await alice.insert(idOf(index), { title, description: text, completed: index % 2 === 0 })
  }
  // Times as they can be in a database that others write to: to the millisecond, and far away.
  await asAdministrator(
    `update tasks set created_at = timestamptz '2024-02-29 23:59:59.999+00' + (right(id::text, 3)::int % 7) * interval '1.001 s',
      updated_at = timestamptz '1999-12-31 23:00:00-01', version = 1`,
    `update tasks set created_at = '9999-12-31 23:59:59.999Z' where id = '${idOf(3)}'`,
  )
  for (const sort of ['created', 'title'] as const) {
    for (const order of ['asc', 'desc'] as const) {
      for (const completed of [undefined, true, false]) {
        seen.push(await alice.list({ sort, order, completed }))
      }
    }
  }
  seen.push(await alice.list({ sort: 'title', order: 'asc', limit: 3 }))
  seen.push(await tasksOf(database, 'nobody').list())
  for (const index of titles.keys()) seen.push(await alice.find(idOf(index)))
  const changes = [{ title: 'New' }, { description: null }, { completed: true, title: '🎉' }]
  for (const change of changes) {
    seen.push(withoutTime(await alice.update(idOf(0), change)))
  }
  seen.push(withoutTime(await alice.complete(idOf(0))))
  seen.push(await alice.complete(idOf(999), true))
  seen.push(await alice.remove(idOf(0)))
  seen.push(await alice.remove(idOf(0)))
  return seen
}

function withoutTime(task: { json: string; version: number } | undefined) {
  return { ...task, json: task?.json.replace(/"updated_at":"[^"]+"/, '') }
}

test('the three databases give the same results, byte for byte', async () => {
  const told: unknown[] = []
  for (const name of everyTransport) told.push(await story(await openReady(name)))
  const [postgres, neon, pglite] = told
  expect(neon).toEqual(postgres)
  expect(pglite).toEqual(postgres)
  for (const text of ['2024-02-29T23:59:59.999Z', alices, '\ufeffLine 1']) {
    expect(JSON.stringify(postgres)).toContain(text)
  }
})

/** What a login or a database may be set to, and what decides how Postgres writes and reads text. */
const settings = Object.entries({
  extra_float_digits: '-15',
  quote_all_identifiers: 'on',
  DateStyle: 'German',
  IntervalStyle: 'sql_standard',
  TimeZone: 'Asia/Kolkata',
  bytea_output: 'escape',
  client_encoding: 'LATIN1',
  standard_conforming_strings: 'off',
  array_nulls: 'off',
  transform_null_equals: 'on',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
})

const newestFirst = [5, 4, 3, 2, 1].map((number) => ({
  id: `00000000-0000-4000-8000-00000000000${number}`,
  title: `Ünïcode 🎉 \\ ${number}`,
  created_at: `2026-03-04T23:59:59.99${number}Z`,
}))

test.each(['postgres', 'neon'] as const)(
  'on %s, no setting of a login or a database changes a result',
  async (name) => {
    const { database, asAdministrator } = await openEmpty(name)
    const set = settings.map(([setting, value]) => `set ${setting} = %L', database, '${value}'`)
    await asAdministrator(
      `do $$ declare database text := current_database(); begin
        ${set.map((each) => `execute format('alter database %I ${each});`).join('\n')} end $$`,
      `create table session (token text, "userId" text, "expiresAt" timestamptz)`,
      `insert into session values ('signed', 'Anna', '2126-03-04 05:06:07.890+00')`,
    )
    await database.makeReady()
    const tasks = tasksOf(database, 'Anna')
    for (const { id, title, created_at } of newestFirst) {
      await tasks.insert(id, { title })
      await asAdministrator(`update tasks set created_at = '${created_at}' where id = '${id}'`)
    }
    expect(await readPages(tasks)).toMatchObject(
      newestFirst.map((task) => ({ ...task, user_id: 'Anna' })),
    )
    expect(await database.selectSession('signed')).toEqual({
      userId: 'Anna',
      expiresAt: Date.parse('2126-03-04T05:06:07.890Z'),
    })
  },
)
