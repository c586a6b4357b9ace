import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { FastResponse, toNodeHandler } from 'srvx/node'
import { env } from '#lib/config/env'
import { startDraining } from '#lib/service/draining'
import { stop as stopService } from '#lib/service/start'
import { refuseConnection } from '#server/client-error'
import { handle } from '#server/handle'

/** Longer than the usual minute of a proxy, which must be the one to close an idle connection. */
const keepAliveTimeoutMs = 65_000
/** How long a balancer has to notice that the service is not ready, before it stops to listen. */
const noticeMs = 1000
/** What has not finished by then is cut off; it is longer than any deadline of a request. */
const drainLimitMs = 30_000

/** Listens on `PORT`, and on SIGTERM finishes what is under way and exits with 0. */
export async function serve(): Promise<void> {
  // Node's own Response makes a stream of each body, which costs more than the rest of an answer.
  Object.assign(globalThis, { Response: FastResponse })
  const server = createServer(
    // Two Authorization headers become one that is refused; Node would drop the second in silence.
    { joinDuplicateHeaders: true, keepAliveTimeout: keepAliveTimeoutMs },
    toNodeHandler(handle) as RequestListener,
  )
  server.on('clientError', refuseConnection)
  await new Promise<void>((resolve) => server.listen(env().PORT, resolve))
  const { port } = server.address() as AddressInfo
  console.log(`Todo API on http://localhost:${port}`)

  const stop = () => shutDown(server)
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

async function shutDown(server: Server): Promise<void> {
  startDraining()
  await sleep(noticeMs)
  const closed = new Promise((resolve) => server.close(resolve))
  // A connection that was busy when the server closed stays open after its answer.
  const sweep = setInterval(() => server.closeIdleConnections(), 100)
  await Promise.race([closed, sleep(drainLimitMs)])
  clearInterval(sweep)
  server.closeAllConnections()
  await stopService()
  process.exit(0)
}
