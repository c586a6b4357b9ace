import { expect, test } from 'vitest'
import { openTestDatabase } from '#tests/support/databases'
import { statementsOf } from '#tests/support/statements'

/** What a login or a database may be set to, and what decides how Postgres writes and reads text. */
const settings = [
  ['extra_float_digits', '-15'],
  ['quote_all_identifiers', 'on'],
  ['DateStyle', 'German'],
  ['IntervalStyle', 'sql_standard'],
  ['TimeZone', 'Asia/Kolkata'],
  ['bytea_output', 'escape'],
  ['client_encoding', 'LATIN1'],
  ['standard_conforming_strings', 'off'],
  ['array_nulls', 'off'],
  ['transform_null_equals', 'on'],
  ['default_transaction_isolation', 'serializable'],
  ['default_transaction_deferrable', 'on'],
] as const

const user = 'Anna'
const idOf = (number: number) => `00000000-0000-4000-8000-00000000000${number}`
const createdAt = (number: number) => `2026-03-04T23:59:59.99${number}Z`
const newestFirst = [5, 4, 3, 2, 1]

test.each(['postgres', 'neon'] as const)(
  'on %s, no setting of a login or a database changes a result',
  async (name) => {
    const { database, asAdministrator, close } = await openTestDatabase(name)
    try {
      await asAdministrator(
        ...settings.map(
          ([setting, value]) =>
            `do $$ begin execute format('alter database %I set ${setting} = %L', current_database(), '${value}'); end $$`,
        ),
        `create table session (token text, "userId" text, "expiresAt" timestamptz)`,
        `insert into session values ('signed', '${user}', '2126-03-04 05:06:07.890+00')`,
      )
      await database.makeReady()
      expect(await database.isReady()).toBe(true)
      const tasks = statementsOf(database.forUser(user), user)
      for (const number of newestFirst) {
        await tasks.insert(idOf(number), { title: `Ünïcode 🎉 \\ ${number}` })
        const at = `created_at = '${createdAt(number)}', updated_at = created_at`
        await asAdministrator(`update tasks set ${at} where id = '${idOf(number)}'`)
      }
      const shown = []
      let after: { createdAt: string; id: string; title: string } | undefined
      // A page that repeats another would never come to an end.
      for (let pages = 0; pages < newestFirst.length; pages += 1) {
        const page = await tasks.list({ limit: 2, after })
        const found = JSON.parse(page.json)
        shown.push(...found)
        const { id, title, created_at } = found.at(-1)
        if (!page.hasMore) break
        after = { id, title, createdAt: created_at }
      }
      expect(shown).toMatchObject(
        newestFirst.map((number) => ({
          ...{ id: idOf(number), user_id: user, title: `Ünïcode 🎉 \\ ${number}` },
          ...{ completed: false, created_at: createdAt(number) },
        })),
      )
      expect(await database.selectSession('signed')).toEqual({
        userId: user,
        expiresAt: Date.parse('2126-03-04T05:06:07.890Z'),
      })
    } finally {
      await close()
    }
  },
)
