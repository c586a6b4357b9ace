import { setTimeout as sleep } from 'node:timers/promises'
import { ensureDevelopmentSecret } from '#lib/config/development-secret'
import { EnvironmentError, env, isDevelopment } from '#lib/config/env'
import { hasEdges } from '#lib/config/env-values'
import { rememberPeers } from '#lib/http/peer'
import { log } from '#lib/log'
import { startServerTiming } from '#lib/observability/server-timing'
import { closeDatabase, database } from '#lib/service/database'
import { printWelcome } from '#lib/service/development'
import { exitBecause } from '#lib/service/exit'
import { explainOpening, isOutage } from '#lib/service/outage'

/** How long the shutdown waits for the receiver of traces. */
const lastSpansMs = 3000

let endTracing: (() => Promise<void>) | undefined

/**
 * Prepares the service on every host: checks the environment, migrates, and proves isolation. If
 * the database is away, the service starts all the same, and answers 503 until it is back.
 *
 * @throws EnvironmentError, DatabaseError, or what a migration threw: the host must exit
 */
export async function start(port = env().PORT): Promise<void> {
  await startWatching()
  await startDatabase()
  if (isDevelopment()) await printWelcome(port)
}

/** Checks the environment, and starts everything that observes requests, before the first one. */
async function startWatching(): Promise<void> {
  if (isDevelopment()) startServerTiming()
  if (env().RATE_LIMIT_ADDRESS !== undefined) rememberPeers()
  if (env().OTEL_EXPORTER_OTLP_ENDPOINT !== undefined) {
    const { startTracing } = await import('#lib/observability/tracing')
    endTracing = startTracing()
  }
  if (env().BETTER_AUTH_URL === undefined && env().JWKS_URL === undefined) {
    log().warn({
      event: 'no_key_set',
      detail: 'Neither BETTER_AUTH_URL nor JWKS_URL is set: only HS256 tokens work',
    })
  }
  if (hasEdges(env().BETTER_AUTH_SECRET)) {
    log().warn({
      event: 'secret_not_trimmed',
      detail:
        "BETTER_AUTH_SECRET has quotes or white space at its ends, which count: docker's --env-file keeps quotes, and a mounted file its line break. If your frontend's secret has none, every HS256 token and session is refused. Take them out",
    })
  }
}

async function startDatabase(): Promise<void> {
  try {
    await database()
  } catch (error) {
    if (!isOutage(error)) throw error
    log().error({ event: 'database_away_at_start', err: error })
    // For the person at the terminal, who would not find the reason in a line of JSON.
    console.error(`The service starts without its database:\n${explainOpening(error)}`)
  }
}

/** Ends what `start` began, after the last request: sends the last spans, closes the database. */
export async function stop(): Promise<void> {
  await Promise.race([endTracing?.(), sleep(lastSpansMs, undefined, { ref: false })])
  await closeDatabase()
}

/**
 * Runs `start` where Next listens, on `port`. If it fails, prints what is wrong and what to do, and
 * ends the process. It refuses what only the server of `npm start` supports.
 */
export async function startOnNextOrExit(port: number | undefined): Promise<void> {
  await orExit(async () => {
    ensureDevelopmentSecret()
    refuseIgnoredSettings()
    await start(port)
  })
}

let starting: Promise<void> | undefined

/**
 * Starts Vercel's function with its first request. The request does not wait for the database,
 * which opens while its body is read and its credentials are checked. A failure ends the process.
 */
export function startWithRequest(): Promise<void> {
  starting ??= orExit(async () => {
    refuseIgnoredSettings()
    await startWatching()
    void orExit(startDatabase)
  })
  return starting
}

function refuseIgnoredSettings(): void {
  const { METRICS_TOKEN, WORKERS } = env()
  const ignored = [
    ...(METRICS_TOKEN === undefined ? [] : ['METRICS_TOKEN']),
    ...(WORKERS === 1 ? [] : ['WORKERS']),
  ]
  if (ignored.length === 0) return
  const lines = ignored.map((name) => `${name} works with npm start alone. Unset it here.`)
  throw new EnvironmentError(lines.join('\n'))
}

async function orExit(action: () => Promise<void>): Promise<void> {
  try {
    await action()
  } catch (error) {
    exitBecause(error)
  }
}
