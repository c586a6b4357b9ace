import { setTimeout as sleep } from 'node:timers/promises'
import { env, isDevelopment } from '#lib/config/env'
import { log } from '#lib/log'
import { startServerTiming } from '#lib/observability/server-timing'
import { closeDatabase, database, isOutage } from '#lib/service/database'
import { ensureDevelopmentSecret, printWelcome } from '#lib/service/development'

/** How long the receiver of traces may keep the service from ending. */
const lastSpansMs = 3000

let endTracing: (() => Promise<void>) | undefined

/**
 * What every host does before it serves: checks the environment, migrates, proves isolation. A
 * database that is away does not end the start: requests get a 503 until it is back.
 *
 * @throws EnvironmentError, DatabaseError, or what a migration threw: the host must exit
 */
export async function start(port = env().PORT): Promise<void> {
  if (env().SERVER_TIMING) startServerTiming()
  if (isTraced()) endTracing = await (await import('#lib/observability/tracing')).startTracing()
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

/** Undoes `start` once the last request is answered: sends the last spans, closes the database. */
export async function stop(): Promise<void> {
  await Promise.race([endTracing?.(), sleep(lastSpansMs, undefined, { ref: false })])
  await closeDatabase()
}

/** Whether the standard variables name a place for spans; without one nothing of it is loaded. */
function isTraced(): boolean {
  const { OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER: exporter } = env()
  const endpoint = env().OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? env().OTEL_EXPORTER_OTLP_ENDPOINT
  if (OTEL_SDK_DISABLED || exporter === 'none') return false
  return exporter === 'otlp' || endpoint !== undefined
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
