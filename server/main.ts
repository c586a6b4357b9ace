/** `npm run serve`: the route files of `app/` on plain Node, without a build and without Next. */
import cluster from 'node:cluster'
import { EnvironmentError, env, isDevelopment, isSet, setVariable } from '#lib/env'
import { loadEnvFiles } from '#lib/env-files'

if (!isSet('NODE_ENV')) setVariable('NODE_ENV', 'production')
loadEnvFiles(isDevelopment())

if (cluster.isPrimary && workers() > 1) {
  const { superviseWorkers } = await import('#server/cluster')
  await superviseWorkers(workers())
} else {
  const { startOrExit } = await import('#lib/start')
  await startOrExit()
  const { serve } = await import('#server/serve')
  await serve()
}

/** One where the environment is wrong: that process says what to do about it. */
function workers(): number {
  try {
    return env().WORKERS
  } catch (error) {
    if (error instanceof EnvironmentError) return 1
    throw error
  }
}
