import { expect, onTestFinished, test } from 'vitest'
import { openTestDatabase } from '#tests/support/databases'
import { statementsOf } from '#tests/support/statements'

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
    const { database, asAdministrator, close } = await openTestDatabase(name)
    onTestFinished(close)
    const set = settings.map(([setting, value]) => `set ${setting} = %L', database, '${value}'`)
    await asAdministrator(
      `do $$ declare database text := current_database(); begin
        ${set.map((each) => `execute format('alter database %I ${each});`).join('\n')} end $$`,
      `create table session (token text, "userId" text, "expiresAt" timestamptz)`,
      `insert into session values ('signed', 'Anna', '2126-03-04 05:06:07.890+00')`,
    )
    await database.makeReady()
    const tasks = statementsOf(database.forUser('Anna'), 'Anna')
    for (const { id, title, created_at } of newestFirst) {
      await tasks.insert(id, { title })
      await asAdministrator(`update tasks set created_at = '${created_at}' where id = '${id}'`)
    }
    const shown = []
    let after: { createdAt: string; id: string; title: string } | undefined
    // A page that repeats another would never come to an end.
    for (let pages = 0; pages < newestFirst.length; pages += 1) {
      const page = await tasks.list({ limit: 2, after })
      shown.push(...JSON.parse(page.json))
      const { id, title, created_at: createdAt } = shown.at(-1)
      if (!page.hasMore) break
      after = { id, title, createdAt }
    }
    expect(shown).toMatchObject(newestFirst.map((task) => ({ ...task, user_id: 'Anna' })))
    expect(await database.selectSession('signed')).toEqual({
      userId: 'Anna',
      expiresAt: Date.parse('2126-03-04T05:06:07.890Z'),
    })
  },
)
