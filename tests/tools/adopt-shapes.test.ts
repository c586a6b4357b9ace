import { expect, test } from 'vitest'
import { quoteTableName } from '#db/table-name'
import { type OldTables, oldTables } from '#tests/fixtures/old-tables'
import { openTestDatabase, type TestDatabase } from '#tests/support/databases'
import { adoptIn, parseOptions } from '#tests/tools/adopt'
import { describePlan } from '#tools/adopt/report'

/** What a look prints with these options, and whether `--yes` would carry it out. */
async function look({ database }: TestDatabase, options: readonly string[]) {
  const { plan } = await adoptIn(database, 'look', parseOptions(options))
  if (plan === undefined) throw new Error('No table was found.')
  const { lines, isPossible } = describePlan(plan, options)
  return { plan, text: lines.join('\n'), isPossible }
}

/** Looks, and takes the decisions that each look has printed, until nothing is in the way. */
async function decide(opened: TestDatabase, { decisions }: OldTables) {
  const taken: string[] = []
  for (;;) {
    const looked = await look(opened, taken)
    const printed = decisions.filter(
      (each) => !taken.includes(each) && `${looked.text}\n`.includes(`    ${each}`),
    )
    if (looked.isPossible || printed.length === 0) return { ...looked, taken }
    taken.push(...printed)
  }
}

const tasks = (select: string) =>
  `select owner::text, title, completed, to_json(date_trunc('milliseconds', created_at::timestamptz)) as created_at
  from (${select}) as tasks order by owner, title`

test.each(oldTables)('$origin: $title', async (old) => {
  const opened = await openTestDatabase('postgres')
  try {
    await opened.asAdministrator("set timezone to 'UTC'", ...old.sql)
    const { plan, text, isPossible, taken } = await decide(opened, old)
    if (old.tasks instanceof RegExp) {
      expect(text).toMatch(old.tasks)
      expect(isPossible).toBe(false)
      return
    }
    expect({ isPossible, taken }, text).toEqual({ isPossible: true, taken: expect.anything() })
    expect(taken.toSorted()).toEqual(old.decisions.toSorted())
    const expected = await opened.asAdministrator("set timezone to 'UTC'", tasks(old.tasks))
    const { done } = await adoptIn(opened.database, 'yes', parseOptions(taken))
    expect(done?.copied).toBe(expected.length)
    const found = await opened.asAdministrator(
      "set timezone to 'UTC'",
      tasks('select user_id as owner, title, completed, created_at from tasks'),
    )
    // A time that no column has is a decision too: it becomes the moment of the adoption.
    const timed = found.map((task, index) =>
      expected[index]?.['created_at'] === null ? { ...task, created_at: null } : task,
    )
    expect(timed).toEqual(expected)
    expect(expected.length).toBeGreaterThan(4)
    await opened.database.makeReady()
    const [kept] = await opened.asAdministrator(
      `select count(*)::int from ${quoteTableName(plan.kept)}`,
    )
    expect(kept).toEqual({ count: 8 })
  } finally {
    await opened.close()
  }
})
