import { EnvironmentError, env } from '#lib/config/env'

/** Of the process: on Next the server and `instrumentation.ts` each have a copy of this module. */
const shared = globalThis as typeof globalThis & { todoHasOwnServer?: boolean }

/** Tells that `server/` listens in this process, and not `next dev` or a platform. */
export function claimServer(): void {
  shared.todoHasOwnServer = true
}

/**
 * Refuses settings that only `server/` can keep, where it does not listen.
 *
 * @throws EnvironmentError
 */
export function refuseIgnoredSettings(): void {
  if (shared.todoHasOwnServer === true) return
  const { METRICS_TOKEN, WORKERS } = env()
  const ignored = [
    ...(METRICS_TOKEN === undefined ? [] : ['METRICS_TOKEN']),
    ...(WORKERS === 1 ? [] : ['WORKERS']),
  ]
  if (ignored.length === 0) return
  const lines = ignored.map(
    (name) => `${name} works with npm start and npm run serve. Unset it here.`,
  )
  throw new EnvironmentError(lines.join('\n'))
}
