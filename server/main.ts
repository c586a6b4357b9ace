/** `npm run serve`: the route files of `app/` on plain Node, without a build and without Next. */
import cluster from 'node:cluster'
import { isDevelopment, isSet, readWorkers, setVariable } from '#lib/config/env'
import { loadEnvFiles } from '#lib/config/env-files'

if (!isSet('NODE_ENV')) setVariable('NODE_ENV', 'production')
loadEnvFiles(isDevelopment())

const workers = readWorkers()
if (cluster.isPrimary && workers > 1) {
  const { superviseWorkers } = await import('#server/cluster')
  await superviseWorkers(workers)
} else {
  const { startOrExit } = await import('#lib/service/start')
  await startOrExit()
  const { serve } = await import('#server/serve')
  await serve()
}
