import { expect, test } from 'vitest'
import { readPages } from '#tests/database/users'
import { openReady, transports } from '#tests/support/databases'
import { tasksOf } from '#tests/support/statements'

const orders = (['created', 'title'] as const).flatMap((sort) =>
  (['asc', 'desc'] as const).map((order) => ({ sort, order })),
)

test.each(transports)(
  'on %s, tasks of one title and one moment are on one page each',
  async (on) => {
    const { database, asAdministrator } = await openReady(on)
    await asAdministrator(
      `insert into users (id) values ('alice')`,
      `insert into tasks (user_id, id, title, created_at)
      select 'alice', gen_random_uuid(), 'same', '2026-01-31T08:15:00.123Z' from generate_series(1, 9)`,
    )
    for (const order of orders) {
      const seen = (await readPages(tasksOf(database, 'alice'), order)).map(({ id }) => id)
      const sorted = [...new Set(seen)].sort()
      expect(sorted).toHaveLength(9)
      expect(seen, JSON.stringify(order)).toEqual(
        order.order === 'asc' ? sorted : sorted.toReversed(),
      )
    }
  },
)
