/** One line of the doctor: what was found, and what to set or run where it is wrong. */
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
 * A failure whose message is a sentence about what is wrong, and then what to do.
 *
 * @param otherwise the remedy of a message that has none
 */
export function failedAsTold(name: string, message: string, otherwise = message): Check {
  const [, found = message, remedy = otherwise] = /^(.+?[.?])\s+(.+)$/s.exec(message) ?? []
  return failed(name, found, remedy)
}

/** The codes of an error and of what caused it: SQLSTATE, or what the network said. */
export function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  const own = 'code' in error && typeof error.code === 'string' ? [error.code] : []
  const inner = error instanceof AggregateError ? error.errors.flatMap(codesOf) : []
  return [...new Set([...own, ...inner, ...codesOf(error.cause)])]
}
