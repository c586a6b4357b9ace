/** One line of the doctor: what it found, and what to set or run if that is wrong. */
export interface Check {
  readonly name: string
  readonly found: string
  readonly ok: boolean
  readonly remedy?: string
}

export function passed(name: string, found: string): Check {
  return { name, found, ok: true }
}

export function failed(name: string, found: string, remedy: string): Check {
  return { name, found, ok: false, remedy }
}

/**
 * A failed check from a message whose first sentence says what is wrong, and the rest what to do.
 *
 * @param otherwise the remedy for a message of one sentence
 */
export function failedAsTold(name: string, message: string, otherwise = message): Check {
  const [, found = message, remedy = otherwise] = /^(.+?[.?])\s+(.+)$/s.exec(message) ?? []
  return failed(name, found, remedy)
}

/** The codes of an error and its causes: SQLSTATEs, or codes of the network. */
export function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  const own = 'code' in error && typeof error.code === 'string' ? [error.code] : []
  const inner = error instanceof AggregateError ? error.errors.flatMap(codesOf) : []
  return [...new Set([...own, ...inner, ...codesOf(error.cause)])]
}
