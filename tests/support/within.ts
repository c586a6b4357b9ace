import { setTimeout as sleep } from 'node:timers/promises'

/** What a promise gives, or an error where it is not settled by then. */
export async function within<T>(limitMs: number, what: string, promise: Promise<T>): Promise<T> {
  const timer = new AbortController()
  const late = sleep(limitMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`${what} was not over within ${limitMs} ms.`)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    late.catch(() => {})
    timer.abort()
  }
}
