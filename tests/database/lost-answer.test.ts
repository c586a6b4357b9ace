import { expect, onTestFinished, test } from 'vitest'
import { DatabaseError } from '#db/errors'
import { openCallerDatabase } from '#db/scoped'
import { insertTaskRow } from '#db/tasks/tasks'
import type { Transport } from '#db/transports/transport'
import { isReplay, planCreation } from '#lib/tasks/idempotency'
import { openTestDatabase, options } from '#tests/support/databases'
import { newUser } from '#tests/support/tokens'

/** A network that loses the first answer, after the database has done what was asked. */
function losingFirstAnswer(transport: Transport): Transport {
  let isFirst = true
  return {
    ...transport,
    async transaction(statements, timeoutMs) {
      const rows = await transport.transaction(statements, timeoutMs)
      if (!isFirst) return rows
      isFirst = false
      const meaning = { kind: 'unavailable', transient: true, mayHaveRun: true } as const
      throw new DatabaseError('connection terminated', meaning)
    },
  }
}

test('a create whose answer was lost is retried, and is no replay of itself', async () => {
  const { database: opened, close } = await openTestDatabase('postgres')
  onTestFinished(close)
  await opened.makeReady()
  const userId = newUser()
  const db = openCallerDatabase(losingFirstAnswer(opened.transport), userId, options.limits)
  const content = { title: 'Buy milk', description: null, completed: false }
  const plan = planCreation('k', userId, content)
  const first = await insertTaskRow(db, { userId }, plan, content)
  expect(isReplay(plan.creation, first.creation)).toBe(false)

  const later = planCreation('k', userId, content)
  const second = await insertTaskRow(db, { userId }, later, content)
  expect(isReplay(later.creation, second.creation)).toBe(true)
  expect({ ...second, creation: first.creation }).toEqual(first)
})
