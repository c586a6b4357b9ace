import { expect, onTestFinished, test } from 'vitest'
import { DatabaseError } from '#db/errors'
import { openCallerDatabase } from '#db/scoped'
import type { Transport } from '#db/transports/transport'
import { closeDatabase, setDatabase } from '#lib/service/database'
import { ask } from '#tests/database/in-process'
import { openReady, options } from '#tests/support/databases'
import { newUser } from '#tests/support/tokens'

test('a create whose answer was lost is sent again, and is no replay of itself', async () => {
  const { database } = await openReady('postgres')
  let isLost = false
  const transport: Transport = {
    ...database.transport,
    async transaction(statements, timeoutMs) {
      const rows = await database.transport.transaction(statements, timeoutMs)
      if (isLost) return rows
      isLost = true
      const meaning = { kind: 'unavailable', transient: true, mayHaveRun: true } as const
      throw new DatabaseError('connection terminated', meaning)
    },
  }
  const forUser = (userId: string) => openCallerDatabase(transport, userId, options.limits)
  setDatabase({ ...database, transport, forUser })
  onTestFinished(closeDatabase)
  const user = newUser()
  const create = () => ask(user, 'POST', '', { title: 'Milk' }, { 'idempotency-key': 'k' })
  const [created, replayed] = [await create(), await create()]
  expect([created.status, replayed.status]).toEqual([201, 200])
  expect(replayed.text).toBe(created.text)
})
