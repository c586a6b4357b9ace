import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OpenDatabase, openDatabase } from '#db/database'
import { listTasks, type Position } from '#db/list-tasks'
import { newUser } from '#tests/support/tokens'

const as = newUser()
let opened: OpenDatabase

beforeAll(async () => {
  opened = await openDatabase({
    url: 'pglite://',
    usersTable: { table: 'users' },
    limits: { deadlineMs: 8000, statementTimeoutMs: 5000 },
    poolSize: 1,
    queueLimit: 1,
    connectTimeoutMs: 1000,
    namedStatements: false,
    onFault: () => {},
  })
  await opened.prepare()
  const user = { sql: 'insert into users (id) values ($1)', parameters: [as] }
  const tasks = {
    sql: `insert into tasks (user_id, id, title, created_at)
      select $1, gen_random_uuid(), 'same', '2026-01-31T08:15:00.123Z' from generate_series(1, 9)`,
    parameters: [as],
  }
  await opened.transport.transaction([user, tasks], 5000)
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
        const options = { sort, order, limit: 2, after, withTotal: true, known: [] }
        const page = await listTasks(opened.forUser(as), as, options)
        const tasks: { id: string }[] = JSON.parse(page.json ?? '[]')
        seen.push(...tasks.map(({ id }) => id))
        after = page.next ?? undefined
        expect(page.total).toBe(9)
      } while (after !== undefined && seen.length < 20)
      expect(seen).toHaveLength(9)
      const sorted = [...new Set(seen)].sort()
      expect(seen).toEqual(order === 'asc' ? sorted : sorted.toReversed())
    })
  }
}
