/**
 * Sets an entry as the newest of a map. If the map is larger than the limit, the oldest goes. The key
 * is copied: V8 keeps a piece of a text by keeping the whole, so a token would hold all of its header.
 */
export function setLatest<Value>(
  map: Map<string, Value>,
  key: string,
  value: Value,
  limit: number,
): void {
  map.delete(key)
  map.set(structuredClone(key), value)
  const [oldest] = map.keys()
  if (map.size > limit && oldest !== undefined) map.delete(oldest)
}

/** Milliseconds since an instant. A clock that was set back does not tell, so all time is over. */
export function since(at: number): number {
  const passedMs = Date.now() - at
  return passedMs < 0 ? Number.POSITIVE_INFINITY : passedMs
}

/**
 * Starts to count milliseconds by two clocks: the one on the wall may be set back, and the other stands
 * still while a function is frozen.
 */
export function startStopwatch(): () => number {
  const [at, startedAt] = [Date.now(), performance.now()]
  return () => Math.max(since(at), performance.now() - startedAt)
}
