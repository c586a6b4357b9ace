import { expect, onTestFinished, test } from 'vitest'
import { listTaskRows, type Position } from '#db/tasks/list-tasks'
import { toTask } from '#lib/tasks/answers'
import { openReady, transports } from '#tests/support/databases'

test.each(transports)(
  'on %s, tasks of one title and one moment are on one page each',
  async (on) => {
    const { database, asAdministrator, close } = await openReady(on)
    onTestFinished(close)
    await asAdministrator(
      `insert into users (id) values ('alice')`,
      `insert into tasks (user_id, id, title, created_at)
      select 'alice', gen_random_uuid(), 'same', '2026-01-31T08:15:00.123Z' from generate_series(1, 9)`,
    )
    for (const sort of ['created', 'title'] as const) {
      for (const order of ['asc', 'desc'] as const) {
        const seen: string[] = []
        let after: Position | undefined
        do {
          const options = { sort, order, limit: 2, after, withTotal: true }
          const page = await listTaskRows(database.forUser('alice'), 'alice', options)
          const tasks = page.tasks.map(toTask)
          seen.push(...tasks.map(({ id }) => id))
          const last = page.hasMore ? tasks.at(-1) : undefined
          after = last && { id: last.id, title: last.title, createdAt: last.created_at }
        } while (after !== undefined && seen.length < 20)
        const sorted = [...new Set(seen)].sort()
        expect(sorted).toHaveLength(9)
        expect(seen, `${sort} ${order}`).toEqual(order === 'asc' ? sorted : sorted.toReversed())
      }
    }
  },
)
