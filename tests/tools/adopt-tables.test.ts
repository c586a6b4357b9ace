import { describe, expect, test } from 'vitest'
import { quoteTableName } from '#db/table-name'
import { type OldTables, oldTables } from '#tests/fixtures/old-tables'
import { refusedTables } from '#tests/fixtures/refused-tables'
import {
  atEnd,
  open,
  openEmpty,
  server,
  type TestDatabase,
  transports,
} from '#tests/support/databases'
import { newOwnedDatabase } from '#tests/support/earlier-migrations'
import { openAdministrator, runSql } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'
import { adoptIn, everythingIn, parseOptions, tasksOf } from '#tests/tools/adopt'
import { plainName, recognitions } from '#tools/adopt/column-names'
import { describePlan } from '#tools/adopt/report'

/** Makes the tables in a database of a login that has no more rights than an adoption needs. */
async function openAsOwner({ sql, after }: OldTables) {
  const { name, owner, url } = await newOwnedDatabase()
  const administrator = openAdministrator(server.url(name))
  atEnd(administrator.close)
  await administrator.run(`alter role ${owner} nocreaterole`)
  await runSql(url, "set timezone to 'UTC'", ...sql)
  if (after) await administrator.run(...after(owner, name))
  return {
    database: await open(url),
    url: server.url(name),
    asAdministrator: administrator.run,
  }
}

/** What adopt says to these options, and whether `--yes` would carry it out or has done so. */
async function ask({ database }: TestDatabase, how: 'look' | 'yes', given: readonly string[]) {
  try {
    const { plan, done } = await adoptIn(database, how, parseOptions(given))
    if (plan === undefined) throw new Error('No table was found.')
    const { lines, isPossible } = describePlan(plan, given)
    return { plan, done, isPossible, text: lines.join('\n') }
  } catch (error) {
    return { isPossible: false, text: String(error) }
  }
}

/** Looks, and takes the decisions that each look has printed, until nothing is in the way. */
async function decide(opened: TestDatabase, { given = [], decisions = [] }: OldTables) {
  const taken = [...given]
  for (;;) {
    const looked = await ask(opened, 'look', taken)
    const printed = decisions.filter(
      (each) => !taken.includes(each) && `${looked.text}\n`.includes(`    ${each}`),
    )
    if (looked.isPossible || printed.length === 0) {
      expect(taken.toSorted(), looked.text).toEqual([...given, ...decisions].toSorted())
      return { ...looked, taken }
    }
    taken.push(...printed)
  }
}

describe.each(transports)('on %s', (transport) => {
  const isPostgres = transport === 'postgres'
  // On the other transports the first, which has the most of everything.
  const tables = Object.entries(oldTables).slice(0, isPostgres ? undefined : 1)

  test.each(tables)(
    '%s: a look changes nothing, its answers bring all rows over',
    async (_, old) => {
      const opened = isPostgres ? await openAsOwner(old) : await openEmpty(transport)
      if (!isPostgres) await opened.asAdministrator(...old.sql)
      const everything = async () => opened.url && (await everythingIn(opened.url))
      const before = await everything()
      const { plan, isPossible, text, taken } = await decide(opened, old)
      expect({ isPossible }, text).toEqual({ isPossible: true })
      expect(text).toContain(old.says ?? '')
      if (plan === undefined) throw new Error(text)
      const rowsIn = (table: Parameters<typeof quoteTableName>[0]) =>
        opened.asAdministrator(
          `select to_jsonb(old) as row, relforcerowsecurity as is_forced
          from ${quoteTableName(table)} as old join pg_class on pg_class.oid = old.tableoid order by 1`,
        )
      const rows = await rowsIn(plan.old)
      expect(await everything()).toEqual(before)

      const { done, text: refusal } = await ask(opened, 'yes', taken)
      expect(done, refusal).toMatchObject({
        copied: old.becomes.length,
        left: rows.length - old.becomes.length,
      })
      expect(await rowsIn(plan.kept)).toEqual(rows)
      await opened.database.makeReady()
      expect(await opened.database.isReady()).toBe(true)
      for (const [userId = '', tasks] of Map.groupBy(old.becomes, (task) => task['user_id'])) {
        const found = await tasksOf(opened, String(userId))
        expect(found).toMatchObject(tasks)
        const { update } = statementsOf(opened.database.forUser(String(userId)), String(userId))
        const updated = await update(found[0].id, { title: 'Bread' })
        expect(JSON.parse(updated?.json ?? '')).toMatchObject({ title: 'Bread' })
      }
    },
  )
})

test.each(refusedTables)('a look says %s, and --yes does nothing', async (says, old) => {
  const opened = await openAsOwner(old)
  const before = await everythingIn(opened.url)
  const looked = await decide(opened, old)
  for (const answer of [looked, await ask(opened, 'yes', looked.taken)]) {
    expect(answer.text).toMatch(says)
    expect(answer).toMatchObject({ isPossible: false })
    expect(answer.done).toBeUndefined()
  }
  expect(await everythingIn(opened.url)).toEqual(before)
})

test('--table names a table as SQL does, or as it is spelt', async () => {
  const opened = await openEmpty('postgres')
  const columns = '(id serial primary key, user_id text, title text, completed boolean)'
  const made = ['todos', '"Todos"', '"my todos"'].map((name) => `create table ${name} ${columns}`)
  await opened.asAdministrator(...made)
  for (const [table, label] of [
    ['todos', 'todos'],
    ['Todos', '"Todos"'],
    ['"Todos"', '"Todos"'],
    ['public.Todos', '"Todos"'],
    ['my todos', '"my todos"'],
  ] as const) {
    const { plan } = await adoptIn(opened.database, 'look', { table })
    expect(plan?.old.label, table).toBe(label)
  }
})

test('the names that are recognised are written as they are compared, and stand once in their list', () => {
  for (const lists of Object.values(recognitions)) {
    const names = lists.names.flat()
    expect(names.map(plainName)).toEqual(names)
    expect(new Set(names).size).toBe(names.length)
  }
})
