import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isDatabaseError } from '#db/errors'
import { openTestDatabase, type TestDatabase } from '#tests/support/databases'

const queueLimit = 20
const slow = { sql: 'select pg_sleep(0.05)', parameters: [] }

describe.each(['postgres', 'neon'] as const)('on %s', (name) => {
  let opened: TestDatabase

  beforeAll(async () => {
    opened = await openTestDatabase(name, { poolSize: 1, queueLimit })
  })
  afterAll(() => opened?.close())

  test('more than the queue takes are refused at once, and the rest are served', async () => {
    const outcomes: string[] = []
    const crowd = Array.from({ length: 200 }, async () => {
      const place = { user: crypto.randomUUID() }
      const working = opened.database.transport.transaction([slow], 20_000, place)
      outcomes.push(await working.then(() => 'served', kindOf))
    })
    await Promise.all(crowd)
    const refused = outcomes.lastIndexOf('overloaded') + 1
    expect(refused).toBeGreaterThan(0)
    expect(new Set(outcomes.slice(0, refused))).toEqual(new Set(['overloaded']))
    expect(new Set(outcomes.slice(refused))).toEqual(new Set(['served']))
    expect(outcomes.length - refused).toBeGreaterThanOrEqual(queueLimit)
  })
})

function kindOf(error: unknown): string {
  return isDatabaseError(error) ? error.kind : String(error)
}
