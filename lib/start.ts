import { database, isOutage } from '#lib/database'
import { ensureDevelopmentSecret, printWelcome } from '#lib/development'
import { env, isDevelopment } from '#lib/env'
import { log } from '#lib/log'

/**
 * What every host does before it serves: checks the environment, migrates, proves isolation. A
 * database that is away does not end the start: requests get a 503 until it is back.
 *
 * @throws EnvironmentError, IsolationError, or what a migration threw: the host must exit
 */
export async function start(port = env().PORT): Promise<void> {
  try {
    await database()
  } catch (error) {
    if (!isOutage(error)) throw error
    log().error({ event: 'database_away_at_start', err: error })
  }
  if (env().BETTER_AUTH_URL === undefined) {
    log().warn({
      event: 'no_key_set',
      detail: 'BETTER_AUTH_URL is not set: only HS256 tokens work',
    })
  }
  if (isDevelopment()) await printWelcome(port)
}

/** Runs `start`, and ends the process with what is wrong and what to do about it. */
export async function startOrExit(port?: number): Promise<void> {
  try {
    ensureDevelopmentSecret()
    await start(port)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    console.error(`The service cannot start:\n${message}`)
    process.exit(1)
  }
}
