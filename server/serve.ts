import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { env } from '#lib/config/env'
import { isDraining, startDraining } from '#lib/service/draining'
import { stop as stopService } from '#lib/service/start'
import { refuseConnect, refuseConnection } from '#server/client-error'
import { malformedHost } from '#server/refusals'
import { toListener } from '#server/to-listener'
import { WatchedResponse } from '#server/waiting-answers'

const refuseHost = toListener(malformedHost)

const settings = {
  // Two Authorization headers become one that is refused; Node would drop the second in silence.
  joinDuplicateHeaders: true,
  // `hasHost` asks for one, and is answered by a problem document.
  requireHostHeader: false,
  // Gives up answers that nobody reads.
  ServerResponse: WatchedResponse,
  // Longer than the usual minute of a proxy, which must be the one to close an idle connection.
  keepAliveTimeout: 65_000,
  // Headers have 16 KiB at most and bodies 64 KiB: who needs longer is not going to finish.
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 2000,
} as const

/** How long a balancer has to notice that the service is not ready, before it stops to listen. */
const noticeMs = 1000
/** What has not finished by then is cut off; it is longer than any deadline of a request. */
const drainLimitMs = 30_000

/**
 * Listens on `PORT` of `HOST`, answers requests by `answer`, and on SIGTERM finishes what is under
 * way and exits with 0. The same for each host of ours, so that they differ in `answer` alone.
 *
 * @throws Error where it cannot listen there
 */
export async function serve(answer: RequestListener): Promise<void> {
  const server = createServer(settings, (request, response) => {
    // A connection that a client goes on to use would be cut in the middle of its next request.
    if (isDraining()) response.setHeader('connection', 'close')
    const listener = hasHost(request) ? answer : refuseHost
    listener(request, response)
  })
  server.on('clientError', refuseConnection)
  server.on('connect', (_, socket) => refuseConnect(socket))
  // An expectation that is not 100-continue may be ignored (RFC 9110, 10.1.1).
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  await listen(server)

  const stop = () => shutDown(server)
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

async function listen(server: Server): Promise<void> {
  const { HOST, PORT } = env()
  server.listen(PORT, HOST)
  await once(server, 'listening').catch((error: Error) => {
    throw new Error(`${error.message}. Set PORT, or HOST, to another.`)
  })
  const { port } = server.address() as AddressInfo
  console.log(`Todo API on http://${HOST ?? 'localhost'}:${port}`)
}

/** RFC 9112, 3.2: one Host in HTTP/1.1, and a valid one. Two of them are joined by a comma. */
function hasHost({ headers: { host }, httpVersion }: IncomingMessage): boolean {
  if (host === undefined) return httpVersion === '1.0'
  return /^[^\s,/?#@\\]+$/.test(host) && URL.canParse(`http://${host}`)
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
