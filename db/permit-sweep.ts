import { bindCaller } from '#db/scoped'
import type { Transport } from '#db/transports/transport'
import { retries } from '#db/watched'

/** Permits between two sweeps of one process: it adds fewer rows than a sweep can take out. */
const permitsPerSweep = 1000

/** Whose work a sweep is; no user has this id. */
const sweeper = 'permit-sweep'

const forget = { sql: 'select todo_forget_permits()', parameters: [] }

/**
 * Counts permits, and every now and then forgets those that say nothing any more, in a transaction
 * of its own that no request waits for. Processes that live for a few requests do their share too,
 * since each starts at another count.
 *
 * @returns to be called with each permit that was given
 */
export function permitSweep(transport: Transport, timeoutMs: number): () => void {
  let permits = Math.floor(Math.random() * permitsPerSweep)
  return () => {
    permits += 1
    if (permits % permitsPerSweep !== 0) return
    transport
      .transaction([bindCaller(sweeper), forget], timeoutMs, { user: sweeper })
      // The next sweep tries again.
      .catch((error) => retries.publish(error))
  }
}
