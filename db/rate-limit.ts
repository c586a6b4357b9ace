import { retries } from '#db/retry'
import type { Statement, Transport } from '#db/transports/transport'

/** How many requests a user may make in how many seconds. */
export interface Quota {
  readonly requests: number
  readonly seconds: number
}

/** What is left after a request: more requests, and the seconds until all of them are back. */
export interface Permit {
  readonly remaining: number
  readonly resetSeconds: number
}

/** Reads what `todo_take_permit` returns. */
export function readPermit(text: string): Permit {
  const [remaining = 0, resetSeconds = 0] = text.split(' ').map(Number)
  return { remaining, resetSeconds }
}

/** Permits between two sweeps of a process. A sweep removes more rows than so many permits add. */
const permitsPerSweep = 1000

const forget = { sql: 'select todo_forget_permits()', parameters: [] }

/**
 * Counts permits, and from time to time deletes the rows of users who have their whole quota again.
 * No request waits for that transaction. Each process begins at a random count, so short-lived
 * processes sweep too.
 *
 * @param bind binds the transaction to the role of requests
 * @returns a function to call with each permit
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
