import { setTimeout as sleep } from 'node:timers/promises'
import type { Effect } from '#db/effect'
import { isDatabaseError, withoutEffect } from '#db/errors'
import { retries } from '#db/watched'

export interface RetryOptions {
  readonly effect: Effect
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
 * @throws DatabaseError the last attempt's; of what has no effect, it never says that it may have run
 */
export async function withRetries<T>(
  attempt: (timeoutMs: number) => Promise<T>,
  { effect, deadlineMs, attemptMs }: RetryOptions,
): Promise<T> {
  const end = performance.now() + deadlineMs
  for (let tried = 1; ; tried += 1) {
    try {
      // A pause may last longer than asked, and Neon's driver takes no negative time.
      return await attempt(Math.max(0, Math.min(attemptMs, end - performance.now())))
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
