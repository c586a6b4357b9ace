/** `npm run serve`: the route files of `app/` on plain Node, without a build and without Next. */
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from 'srvx/node'
import { closeDatabase } from '#lib/database'
import { startDraining } from '#lib/draining'
import { env } from '#lib/env'
import { loadEnvFiles } from '#lib/env-files'
import { startOrExit } from '#lib/start'
import { answerClientError } from '#server/client-error'

loadEnvFiles(false)
const { handle } = await import('#server/handle')
await startOrExit()

const server = createServer(toNodeHandler(handle) as RequestListener)
server.on('clientError', answerClientError)
server.listen(env().PORT, () => {
  const { port } = server.address() as AddressInfo
  console.log(`Todo API on http://localhost:${port}`)
})

/** Says that it is not ready, finishes what is under way, closes the database, and ends. */
async function shutDown(): Promise<void> {
  startDraining()
  await new Promise((resolve) => server.close(resolve))
  await closeDatabase()
  process.exit(0)
}
process.once('SIGTERM', shutDown)
process.once('SIGINT', shutDown)
