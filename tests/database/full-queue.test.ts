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

  /** Sends slow work of these users all at once. @returns what became of each, in that order */
  async function crowd(users: readonly string[]): Promise<string[]> {
    const outcomes: string[] = []
    await Promise.all(
      users.map(async (user) => {
        const working = opened.database.transport.transaction([slow], 20_000, { user })
        outcomes.push(await working.then(() => 'served', kindOf))
      }),
    )
    return outcomes
  }

  test('more than the queue takes are refused at once, and the rest are served', async () => {
    const outcomes = await crowd(Array.from({ length: 200 }, () => crypto.randomUUID()))
    const refused = outcomes.lastIndexOf('overloaded') + 1
    expect(refused).toBeGreaterThan(0)
    expect(new Set(outcomes.slice(0, refused))).toEqual(new Set(['overloaded']))
    expect(new Set(outcomes.slice(refused))).toEqual(new Set(['served']))
    expect(outcomes.length - refused).toBeGreaterThanOrEqual(queueLimit)
  })

  test('one user may not have the whole queue', async () => {
    const outcomes = await crowd(Array.from({ length: 100 }, () => 'greedy'))
    const served = outcomes.filter((outcome) => outcome === 'served')
    expect(served.length).toBeGreaterThanOrEqual(queueLimit / 4)
    expect(served.length).toBeLessThan(queueLimit)
  })
})

function kindOf(error: unknown): string {
  return isDatabaseError(error) ? error.kind : String(error)
}
