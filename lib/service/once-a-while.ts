/**
 * Shares one answer among all callers, so that the work is done at most once per `goodForMs`,
 * however many ask. A failure is shared like any answer.
 *
 * @param goodForMs how long an answer is used after it has arrived
 */
export function onceAWhile<T>(ask: () => Promise<T>, goodForMs: number): () => Promise<T> {
  let latest: { answer: Promise<T>; until: number } | undefined
  return () => {
    if (latest !== undefined && performance.now() < latest.until) return latest.answer
    const current = { answer: ask(), until: Number.POSITIVE_INFINITY }
    latest = current
    const keep = () => {
      current.until = performance.now() + goodForMs
    }
    current.answer.then(keep, keep)
    return current.answer
  }
}
