/** Prints why the service cannot start, and ends the process. */
export function exitBecause(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error)
  console.error(`The service cannot start:\n${message}`)
  process.exit(1)
}
