/**
 * The program behind `npm run serve` and `npm start`. The first serves the route files of `app/` on
 * plain Node, without a build and without Next. The second adds the argument `next`, and serves
 * what `next build` made. Both listen with the same server.
 */
import cluster from 'node:cluster'
import { isDevelopment, isSet, readWorkers, setVariable } from '#lib/config/env'
import { loadEnvFiles } from '#lib/config/env-files'

const isNext = process.argv[2] === 'next'
if (isNext || !isSet('NODE_ENV')) setVariable('NODE_ENV', 'production')
loadEnvFiles(isDevelopment())

const workers = readWorkers()
if (cluster.isPrimary && workers > 1) {
  const { superviseWorkers } = await import('#server/cluster')
  await superviseWorkers(workers)
} else {
  const { claimServer } = await import('#lib/service/own-server')
  const { exitBecause } = await import('#lib/service/start')
  claimServer()
  try {
    const answer = isNext
      ? await (await import('#server/next-host')).startOnNext()
      : await (await import('#server/node-host')).startOnNode()
    const { serve } = await import('#server/serve')
    await serve(answer)
  } catch (error) {
    exitBecause(error)
  }
}
