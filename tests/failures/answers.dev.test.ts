import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { checkFailure } from '#tests/failures/check'
import { failureWith, sqlStates } from '#tests/failures/sql-states'
import { failures, tableSettings } from '#tests/failures/table'
import { openWorld, type World } from '#tests/failures/world'

let world: World

beforeAll(async () => {
  world = await openWorld(tableSettings)
})
afterEach(() => world.recovers())
afterAll(() => world?.close())

describe('the answer and the log are the same on every host', () => {
  test.each(failures)('where $name', (failure) => checkFailure(world, failure))

  test.each(sqlStates)('where Postgres fails with $sqlState ($name)', async (state) => {
    await checkFailure(world, failureWith(state.sqlState, state.code))
    const [attempts] = await world.sql('select last_value::int as count from attempts')
    if (state.retried === 'yes') expect(attempts?.['count']).toBeGreaterThan(1)
    else expect(attempts?.['count']).toBe(1)
  })

  test('and every SQLSTATE that docs/database.md names is among them', () => {
    expect(sqlStates.length).toBeGreaterThanOrEqual(16)
  })
})
