/**
 * The program behind `npm start`, which `server/main.js` loads. It serves the route files of `app/`
 * on plain Node, without a build and without Next.
 */
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
  const { exitBecause } = await import('#lib/service/start')
  try {
    const { startOnNode } = await import('#server/node-host')
    const { serve } = await import('#server/serve')
    await serve(await startOnNode())
  } catch (error) {
    exitBecause(error)
  }
}
