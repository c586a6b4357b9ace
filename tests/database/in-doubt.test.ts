import { expect, test } from 'vitest'
import { isDatabaseError } from '#db/errors'
import { openCallerDatabase } from '#db/scoped'
import { completeTaskRow, deleteTaskRow } from '#db/tasks/tasks'
import {
  errorMessage,
  type Lie,
  message,
  ready,
  startLyingPostgres,
  toBytes,
} from '#tests/database/lying-postgres'
import { options } from '#tests/support/databases'

/** What its client is told of a write: that it ran, that it did not, or to look first. */
type Fate = 'served' | 'rolled back' | 'in doubt'

/** An answer that ends behind so many messages, with the news that the connection does too. */
const endsWith =
  (sqlState: string, messages: number, severity = 'FATAL'): Lie =>
  (answer) => [...answer.slice(0, messages), errorMessage(sqlState, severity), 'end']
const likePgBouncer = message('E', 'SFATAL\0C08P01\0Mserver conn crashed?\0\0')

const served = ['served', 'served'] as const
const inDoubt = ['in doubt', 'in doubt'] as const

/**
 * What becomes of the first of those that were sent, and of those behind it, where something comes in
 * place of the answer to the first. ADR 0063 has the same table.
 */
test.each<[string, Fate, Fate, Lie]>([
  ['an ERROR', ...served, (all) => [...all.slice(0, 4), errorMessage('40001'), ready()]],
  ['FATAL, before anything was answered', ...served, endsWith('57P01', 0)],
  ['FATAL, in the middle of the statements', ...served, endsWith('57P01', 6)],
  ['FATAL, when every statement was answered', 'in doubt', 'served', endsWith('57P01', -1)],
  ['PANIC, in the middle of the statements', ...served, endsWith('57P02', 6, 'PANIC')],
  ['a FATAL of a transaction that took too long', 'rolled back', 'served', endsWith('25P04', 4)],
  ['a FATAL on a connection that stays', ...served, () => [errorMessage('57P01', 'FATAL')]],
  // So poolers say that a connection behind them broke.
  ['a FATAL of class 08', ...inDoubt, endsWith('08006', 4)],
  ['a FATAL of another code', ...inDoubt, endsWith('XX000', 4)],
  ['a FATAL as PgBouncer writes it', ...inDoubt, () => [likePgBouncer, 'end']],
  ['the wire broke', ...inDoubt, () => ['reset']],
  ['the connection ended', ...inDoubt, () => ['end']],
  ['what came is no answer', ...inDoubt, (answer) => [ready(), ...answer]],
  [
    'what came with the answer is no answer',
    'served',
    'in doubt',
    // In one piece: who takes the room of the first is not written yet.
    (answer) => [Buffer.concat([...answer, ready()].map(toBytes))],
  ],
])('%s: the first is %s, those behind it are %s', async (what, first, behind, lie) => {
  const server = await startLyingPostgres()
  const transport = server.open({ poolSize: 1 })
  const id = crypto.randomUUID()
  const write = async (_: unknown, index: number): Promise<Fate> => {
    // Each has two under way, which is a user's share.
    const user = `user-${index % 10}`
    const db = openCallerDatabase(transport, user, options.limits)
    try {
      await (index % 2 === 0
        ? completeTaskRow(db, user, id, undefined)
        : deleteTaskRow(db, user, id))
      return 'served'
    } catch (error) {
      if (!isDatabaseError(error)) throw error
      expect(error.kind).toBe('unavailable')
      return error.mayHaveRun ? 'in doubt' : 'rolled back'
    }
  }
  // The connection is open, so that sixteen are sent at once, which is all that it takes.
  await transport.transaction([{ sql: 'select 1', parameters: [] }], 5000)
  server.lieOnce(lie)
  const fates = await Promise.all(Array.from({ length: 20 }, write))
  // What was not sent yet goes over the next connection.
  expect(fates).toEqual([first, ...Array(15).fill(behind), ...Array(4).fill('served')])
  expect(server.connections).toBe(what === 'an ERROR' ? 1 : 2)
  expect(await write(undefined, 0), 'and the share is free again').toBe('served')
})
