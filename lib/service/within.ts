import { unsent } from '#db/errors'

/** Who waits for which promise. */
const waiting = new WeakMap<Promise<unknown>, Set<() => void>>()

/**
 * Waits for a promise so long at most. `Promise.race` would have the promise keep whoever has given
 * up until it settles: of thousands of requests a second, while the database is being opened.
 *
 * @throws DatabaseError if the time is over
 */
export async function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  const waits = waiting.get(promise) ?? watch(promise)
  const { promise: over, resolve, reject } = Promise.withResolvers<void>()
  const late = () => reject(unsent('the database is not open yet', 'unavailable'))
  const timer = setTimeout(late, timeoutMs)
  waits.add(resolve)
  try {
    await over
  } finally {
    clearTimeout(timer)
    waits.delete(resolve)
  }
  return await promise
}

function watch(promise: Promise<unknown>): Set<() => void> {
  const waits = new Set<() => void>()
  waiting.set(promise, waits)
  const tell = () => {
    waiting.delete(promise)
    for (const resolve of waits) resolve()
  }
  promise.then(tell, tell)
  return waits
}
