import { channel, tracingChannel } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { InsertQueryNode, type OperationNode, SelectQueryNode } from 'kysely'
import { isDatabaseError, withoutEffect } from '#db/errors'
import type { Place, Row, Statement, Transport } from '#db/transports/transport'

/** What a statement does to the data: nothing, the same however often it is sent, or more each time. */
export type Effect = 'none' | 'same again' | 'once'

export interface RetryOptions {
  readonly effect: Effect
  readonly place: Place
  /** How long all attempts together may take. */
  readonly deadlineMs: number
  /** How long one attempt may take, the wait for a connection included. */
  readonly attemptMs: number
}

/** A transaction on its way, for metrics and traces. It has the kind of statement and no values. */
export interface Batch {
  readonly operation: 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE'
  readonly startedAt: number
  /** What it failed with, once it has. */
  readonly error?: unknown
}

/** Tells of every attempt at a transaction. Without subscribers it costs nothing. */
export const batches = tracingChannel<unknown, Batch>('todo-backend:batch')

/** Tells of every failure that is tried again; the message is the `DatabaseError`. */
export const retries = channel('todo-backend:retry')

const attempts = 3
const firstPauseMs = 50
const longestPauseMs = 400

/**
 * Sends a transaction, and sends it again where it failed in passing, until the deadline.
 *
 * A write whose first attempt may have taken effect is not sent again: its second application could
 * undo what somebody else wrote in between, flip a flag back, or answer 404 to a delete that worked.
 *
 * @throws DatabaseError the last attempt's; of what has no effect, it never says that it may have run
 */
export async function sendWithRetries(
  transport: Transport,
  statements: readonly Statement[],
  { effect, place, deadlineMs, attemptMs }: RetryOptions,
): Promise<readonly Row[][]> {
  const end = performance.now() + deadlineMs
  for (let tried = 1; ; tried += 1) {
    // A pause may last longer than asked, and Neon's driver takes no negative time.
    const timeoutMs = Math.max(0, Math.min(attemptMs, end - performance.now()))
    try {
      return await traced(statements, () => transport.transaction(statements, timeoutMs, place))
    } catch (error) {
      if (!isDatabaseError(error)) throw error
      const failure = effect === 'none' ? withoutEffect(error) : error
      if (!error.transient || tried === attempts) throw failure
      if (error.mayHaveRun && effect === 'once') throw failure
      const longest = Math.min(longestPauseMs, firstPauseMs * 2 ** tried)
      const pauseMs = firstPauseMs + Math.random() * (longest - firstPauseMs)
      if (performance.now() + pauseMs >= end) throw failure
      retries.publish(error)
      await sleep(pauseMs)
    }
  }
}

/**
 * What the statement does, also in its CTEs. An insert under ids of our own that takes an existing
 * row for its success does the same again.
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

/** Of the last statement: those before it bind the transaction to its user. */
function operationOf(statements: readonly Statement[]): Batch['operation'] {
  const [verb] = /\b(insert|update|delete)\b/i.exec(statements.at(-1)?.sql ?? '') ?? ['select']
  return verb.toUpperCase() as Batch['operation']
}
