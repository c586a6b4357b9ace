import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listTaskRows, type Position } from '#db/tasks/list-tasks'
import { toTask } from '#lib/tasks/answers'
import { openTestDatabase, type TestDatabase, transports } from '#tests/support/databases'
import { newUser } from '#tests/support/tokens'

describe.each(transports)('%s', (name) => {
  const as = newUser()
  let opened: TestDatabase

  beforeAll(async () => {
    opened = await openTestDatabase(name)
    await opened.database.makeReady()
    await opened.asAdministrator(
      `insert into users (id) values ('${as}')`,
      `insert into tasks (user_id, id, title, created_at)
       select '${as}', gen_random_uuid(), 'same', '2026-01-31T08:15:00.123Z' from generate_series(1, 9)`,
    )
  })

  afterAll(async () => {
    await opened.close()
  })

  for (const sort of ['created', 'title'] as const) {
    for (const order of ['asc', 'desc'] as const) {
      test(`tasks of one title and one moment are on one page each, by ${sort} ${order}`, async () => {
        const seen: string[] = []
        let after: Position | undefined
        do {
          const options = { sort, order, limit: 2, after, withTotal: true }
          const page = await listTaskRows(opened.database.forUser(as), as, options)
          const tasks = page.tasks.map(toTask)
          seen.push(...tasks.map(({ id }) => id))
          const last = page.hasMore ? tasks.at(-1) : undefined
          after = last && { id: last.id, title: last.title, createdAt: last.created_at }
          expect(page.total).toBe(9)
        } while (after !== undefined && seen.length < 20)
        const sorted = [...new Set(seen)].sort()
        expect(sorted).toHaveLength(9)
        expect(seen).toEqual(order === 'asc' ? sorted : sorted.toReversed())
      })
    }
  }
})
