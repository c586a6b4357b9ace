import { channel, tracingChannel } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { InsertQueryNode, type OperationNode, SelectQueryNode } from 'kysely'
import { type DatabaseError, isDatabaseError, withoutEffect } from '#db/errors'
import type { Place, Row, Statement, Transport } from '#db/transports/transport'

/** What a statement does to the data if it is sent again: nothing, the same, or more. */
export type Effect = 'none' | 'same again' | 'once'

export interface RetryOptions {
  readonly effect: Effect
  readonly place: Place
  /** How long all attempts together may take. */
  readonly deadlineMs: number
  /** How long one attempt may take, the wait for a connection included. */
  readonly attemptMs: number
}

/** A transaction that is sent, for metrics and traces. It has no values of the statement. */
export interface Batch {
  readonly operation: 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE'
  readonly startedAt: number
  /** The error, once it has failed. */
  readonly error?: unknown
}

/** A channel with every attempt at a transaction. It costs nothing without subscribers. */
export const batches = tracingChannel<unknown, Batch>('todo-backend:batch')

/** A channel with the `DatabaseError` of every attempt that is repeated. */
export const retries = channel('todo-backend:retry')

const attempts = 3
const firstPauseMs = 50

/**
 * Sends a transaction, and repeats it after a failure that may pass, until the deadline. A write
 * that may have taken effect is not repeated: a second time it could undo somebody else's change,
 * flip a flag back, or answer 404 to a delete that worked.
 *
 * @throws DatabaseError of the last attempt, or of an earlier one that may have taken effect. For
 *   statements without effect its `mayHaveRun` is false
 */
export async function sendWithRetries(
  transport: Transport,
  statements: readonly Statement[],
  { effect, place, deadlineMs, attemptMs }: RetryOptions,
): Promise<readonly Row[][]> {
  const end = performance.now() + deadlineMs
  let before: DatabaseError | undefined
  for (let tried = 1; ; tried += 1) {
    const timeoutMs = Math.min(attemptMs, end - performance.now())
    try {
      return await traced(statements, () => transport.transaction(statements, timeoutMs, place))
    } catch (error) {
      if (!isDatabaseError(error)) throw error
      const latest = effect === 'none' ? withoutEffect(error) : error
      // What may have run stays in doubt, whatever became of the attempts after it. And where there
      // was no time for another, the one before says why.
      const saysMore = before?.mayHaveRun === true || latest.kind === 'overloaded'
      const failure = saysMore ? (before ?? latest) : latest
      before = failure
      if (!error.transient || tried === attempts) throw failure
      if (error.mayHaveRun && effect === 'once') throw failure
      const longestMs = firstPauseMs * 2 ** tried
      const pauseMs = firstPauseMs + Math.random() * (longestMs - firstPauseMs)
      if (performance.now() + pauseMs >= end) throw failure
      retries.publish(error)
      await sleep(pauseMs)
    }
  }
}

/**
 * The effect of a statement with its CTEs. An insert that accepts an existing row is repeatable.
 */
export function effectOf(node: OperationNode): Effect {
  if (SelectQueryNode.is(node)) {
    const parts = (node.with?.expressions ?? []).map(({ expression }) => effectOf(expression))
    if (parts.includes('once')) return 'once'
    return parts.includes('same again') ? 'same again' : 'none'
  }
  return InsertQueryNode.is(node) && node.onConflict !== undefined ? 'same again' : 'once'
}

function traced<T>(statements: readonly Statement[], send: () => Promise<T>): Promise<T> {
  if (!batches.hasSubscribers) return send()
  const startedAt = performance.now()
  return batches.tracePromise(send, { operation: operationOf(statements), startedAt })
}

/** The kind of the last statement. Those before it bind the transaction and take permits. */
function operationOf(statements: readonly Statement[]): Batch['operation'] {
  const [verb] = /\b(insert|update|delete)\b/i.exec(statements.at(-1)?.sql ?? '') ?? ['select']
  return verb.toUpperCase() as Batch['operation']
}
