import { expect, test } from 'vitest'
import { openCallerDatabase } from '#db/scoped'
import { explaining } from '#tests/database/explain'
import { openReady, options } from '#tests/support/databases'
import { statementsOf } from '#tests/support/statements'

const user = 'user-500'
const { database, asAdministrator, url } = await openReady('postgres')
await asAdministrator(
  `insert into users (id) select 'user-' || n from generate_series(1, 1000) as n`,
  `insert into tasks (user_id, id, title, created_at)
    select 'user-' || n % 1000 + 1, gen_random_uuid(), 'Task ' || n, now() - n * interval '1 s'
    from generate_series(1, 100000) as n`,
  'analyze tasks',
)

test.each(['custom', 'generic'] as const)(
  'of 100,000 tasks, a list and every look-up read one user’s rows, by an index: %s plans',
  async (plan) => {
    const { transport, plans } = explaining(database.transport, String(url), plan)
    const db = openCallerDatabase(transport, user, options.limits)
    const own = statementsOf(db, user)
    const [first] = await asAdministrator(`select id from tasks where user_id = '${user}'`)
    const id = String(first?.['id'])
    const limited = await own.list({ limit: 10 })
    expect(JSON.parse(String(limited.json))).toHaveLength(10)
    const position = { title: 'Task 5', createdAt: new Date().toISOString(), id }
    await own.list({ sort: 'title', order: 'asc', limit: 10 })
    await own.list({ sort: 'title', order: 'desc', limit: 10, after: position, withTotal: false })
    await own.list({ sort: 'title', order: 'asc', limit: 10, after: position, withTotal: false })
    await own.list({ search: 'task 9', limit: 10, withTotal: false })
    await own.list({ limit: 10, offset: 50, withTotal: false })
    await own.find(id)
    await own.update(id, { title: 'New' })
    await own.complete(id)
    await own.remove(id)

    const [newest, byTitle, backwards, forwards, searched, passedOver, ...lookUps] = plans
    expect(newest).toMatch(/Index Scan using tasks_newest_first/)
    expect(newest).not.toMatch(/Sort/)
    for (const page of [byTitle, backwards, forwards]) {
      expect(page).toMatch(/Index Scan (Backward )?using tasks_by_title/)
      expect(page).not.toMatch(/Sort/)
    }
    // These read the rows of one user, in whichever way Postgres finds cheaper.
    for (const page of [searched, passedOver]) {
      expect(page).toMatch(
        plan === 'custom' ? /Cond: \(user_id = 'user-500'/ : /Cond: \(user_id = \$1/,
      )
    }
    expect(searched).toMatch(/Filter: .*title.* ~ .*description.* ~ /)
    // It begins where the page before ended, and does not read what comes before.
    for (const page of [backwards, forwards]) {
      expect(page).toMatch(/Index Cond: .*ROW\(\(title\)::text, created_at, id\) [<>] ROW/)
    }
    expect(lookUps).toHaveLength(4)
    for (const plan of lookUps) {
      expect(plan).toMatch(/Index Scan using tasks_pkey/)
      expect(plan).toMatch(/Index Cond: \(\(user_id = .*\) AND \(id = .*\)\)/)
    }
    expect(plans.join('\n')).not.toMatch(/Seq Scan on tasks/)
  },
)
