import { setTimeout as sleep } from 'node:timers/promises'
import { isDatabaseError } from '#db/errors'
import { retries } from '#db/watched'

export interface RetryOptions {
  /** Whether running the statement twice has the effect of running it once. */
  readonly repeatable: boolean
  /** How long all attempts together may take. */
  readonly deadlineMs: number
  /** How long one attempt may take. */
  readonly attemptMs: number
}

const attempts = 3
const firstPauseMs = 50
const longestPauseMs = 400

/**
 * Repeats an attempt that failed in passing, until the deadline.
 *
 * A write whose first attempt may have taken effect is not sent again: its second application could
 * undo what somebody else wrote in between, flip a flag back, or answer 404 to a delete that worked.
 *
 * @throws DatabaseError the last attempt's
 */
export async function withRetries<T>(
  attempt: (timeoutMs: number) => Promise<T>,
  { repeatable, deadlineMs, attemptMs }: RetryOptions,
): Promise<T> {
  const end = performance.now() + deadlineMs
  for (let tried = 1; ; tried += 1) {
    try {
      // A pause may last longer than asked, and Neon's driver takes no negative time.
      return await attempt(Math.max(0, Math.min(attemptMs, end - performance.now())))
    } catch (error) {
      if (!isDatabaseError(error) || !error.transient || tried === attempts) throw error
      if (error.mayHaveRun && !repeatable) throw error
      const longest = Math.min(longestPauseMs, firstPauseMs * 2 ** tried)
      const pauseMs = firstPauseMs + Math.random() * (longest - firstPauseMs)
      if (performance.now() + pauseMs >= end) throw error
      retries.publish(error)
      await sleep(pauseMs)
    }
  }
}
