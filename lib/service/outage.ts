import { isDatabaseError } from '#db/errors'
import { env, withoutPassword } from '#lib/config/env'

/**
 * Why the database could not be opened, and what to do. For an outage it names the database and has
 * the network's own message, because the reader of a log cannot ask the database.
 */
export function explainOpening(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (!isOutage(error)) return error.message
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
  return `${withoutPassword(env().DATABASE_URL)}: ${error.message}${cause}`
}

/** Whether a start failed because of an outage. It may pass, so the service must not exit. */
export function isOutage(error: unknown): boolean {
  return isDatabaseError(error) && error.kind === 'unavailable'
}
