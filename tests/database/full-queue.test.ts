import { expect, onTestFinished, test } from 'vitest'
import { openTestDatabase } from '#tests/support/databases'

const queueLimit = 20
const slow = { sql: 'select pg_sleep(0.05)', parameters: [] }

test.each(['postgres', 'neon'] as const)(
  'on %s, more than the queue takes are refused at once, and the rest are served',
  async (name) => {
    const { database, close } = await openTestDatabase(name, { poolSize: 1, queueLimit })
    onTestFinished(close)
    const outcomes: string[] = []
    const crowd = Array.from({ length: 200 }, async () => {
      const place = { user: crypto.randomUUID() }
      const working = database.transport.transaction([slow], 20_000, place)
      outcomes.push(
        await working.then(
          () => 'served',
          ({ kind }) => kind,
        ),
      )
    })
    await Promise.all(crowd)
    const refused = outcomes.lastIndexOf('overloaded') + 1
    expect(refused).toBeGreaterThan(0)
    expect(new Set(outcomes.slice(0, refused))).toEqual(new Set(['overloaded']))
    expect(new Set(outcomes.slice(refused))).toEqual(new Set(['served']))
    expect(outcomes.length - refused).toBeGreaterThanOrEqual(queueLimit)
  },
)
