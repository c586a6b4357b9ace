/**
 * The program behind `npm start`, which `server/main.js` loads. It serves the route files of `app/`
 * on plain Node, without a build and without Next.
 */
import cluster from 'node:cluster'
import { ensureDevelopmentSecret } from '#lib/config/development-secret'
import { env, isDevelopment, isSet, setVariable } from '#lib/config/env'
import { loadEnvFiles } from '#lib/config/env-files'
import { exitBecause } from '#lib/service/exit'

if (!isSet('NODE_ENV')) setVariable('NODE_ENV', 'production')
loadEnvFiles(isDevelopment())

try {
  ensureDevelopmentSecret()
  if (cluster.isPrimary && env().WORKERS > 1) {
    const { superviseWorkers } = await import('#server/cluster')
    await superviseWorkers()
  } else {
    const { startOnNode } = await import('#server/node-host')
    const { serve } = await import('#server/serve')
    await serve(await startOnNode())
  }
} catch (error) {
  exitBecause(error)
}
