import { EnvironmentError, env } from '#lib/config/env'

/** Global, because on Next the server and `instrumentation.ts` each have a copy of this module. */
const shared = globalThis as typeof globalThis & { todoHasOwnServer?: boolean }

/** Notes that `server/` listens in this process, and neither `next dev` nor a platform does. */
export function claimServer(): void {
  shared.todoHasOwnServer = true
}

/**
 * Refuses settings that only `server/` supports, if something else listens.
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
