/**
 * Lets everybody who asks at the same time share one answer, which stays good for a moment: however
 * many ask, the work is done at most once in that time. A failure is an answer too.
 *
 * @param goodForMs counted from when the answer is there
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
