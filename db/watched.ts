import { channel, tracingChannel } from 'node:diagnostics_channel'
import type { Statement, Transport } from '#db/transports/transport'

/** A transaction on its way, for whoever watches. It has the kind of statement and no values. */
export interface Batch {
  readonly operation: 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE'
  readonly startedAt: number
  /** What it failed with, once it has. */
  readonly error?: unknown
}

/** Tells of every transaction. Nobody who watches, nothing paid: see `node:diagnostics_channel`. */
export const batches = tracingChannel<unknown, Batch>('todo-backend:batch')

/** Tells of every failure that is tried again; the message is the `DatabaseError`. */
export const retries = channel('todo-backend:retry')

/** The same transport, telling `batches` what it does. */
export function watched(transport: Transport): Transport {
  return {
    ...transport,
    transaction(statements, timeoutMs, place) {
      const send = () => transport.transaction(statements, timeoutMs, place)
      if (!batches.hasSubscribers) return send()
      const startedAt = performance.now()
      return batches.tracePromise(send, { operation: operationOf(statements), startedAt })
    },
  }
}

/** Of the last statement: those before it only bind the transaction to its user. */
function operationOf(statements: readonly Statement[]): Batch['operation'] {
  const [verb] = /\b(insert|update|delete)\b/i.exec(statements.at(-1)?.sql ?? '') ?? ['select']
  return verb.toUpperCase() as Batch['operation']
}
