import { retries } from '#db/retry'
import type { Statement, Transport } from '#db/transports/transport'

/** How many requests a user may make in how many seconds. */
export interface Quota {
  readonly requests: number
  readonly seconds: number
}

/** What a request that was let through leaves: how many more, and when all of them are back. */
export interface Permit {
  readonly remaining: number
  readonly resetSeconds: number
}

/** Reads what `todo_take_permit` returns. */
export function readPermit(text: string): Permit {
  const [remaining = 0, resetSeconds = 0] = text.split(' ').map(Number)
  return { remaining, resetSeconds }
}

/** Permits between two sweeps of one process: it adds fewer rows than a sweep can take out. */
const permitsPerSweep = 1000

const forget = { sql: 'select todo_forget_permits()', parameters: [] }

/**
 * Counts permits, and every now and then forgets those that say nothing any more, in a transaction
 * of its own that no request waits for. Processes that live for a few requests do their share too,
 * since each starts at another count.
 *
 * @param bind binds the transaction to the role of requests
 * @returns to be called with each permit that was given
 */
export function permitSweep(transport: Transport, bind: Statement, timeoutMs: number): () => void {
  let permits = Math.floor(Math.random() * permitsPerSweep)
  return () => {
    permits += 1
    if (permits % permitsPerSweep !== 0) return
    transport
      .transaction([bind, forget], timeoutMs, { user: 'permit-sweep' })
      // The next sweep tries again.
      .catch((error) => retries.publish(error))
  }
}
