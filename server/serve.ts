import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { env } from '#lib/config/env'
import { isDraining, startDraining } from '#lib/service/draining'
import { stop as stopService } from '#lib/service/start'
import { refuseConnect, refuseConnection } from '#server/client-error'
import { malformedHost } from '#server/refusals'
import { toListener } from '#server/to-listener'
import { inTurns } from '#server/turns'
import { WatchedResponse } from '#server/waiting-answers'

const refuseHost = toListener(malformedHost)

const settings = {
  // Joins two Authorization headers into one, which is refused. Node would drop the second.
  joinDuplicateHeaders: true,
  // `hasHost` checks it, so that the refusal is a problem document.
  requireHostHeader: false,
  // Closes the connection of a client that does not read its answer.
  ServerResponse: WatchedResponse,
  // Longer than the minute that proxies usually wait, so that the proxy closes an idle connection.
  keepAliveTimeout: 65_000,
  // Headers have at most 16 KiB and bodies 64 KiB, which a client can send in this time.
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 2000,
} as const

/**
 * Connections that wait until a busy process accepts them. The kernel drops what is beyond, and a
 * client tries again for half a minute; Node's own 511 are fewer than a crowd after a deployment.
 */
const waitingConnections = 4096

/** How long a load balancer has to notice that the service is ending, before it stops listening. */
const noticeMs = 1000
/** After this time open requests are cut off. Every time limit of a request is shorter. */
const drainLimitMs = 30_000

/**
 * Listens on `HOST` and `PORT`, and answers requests with `answer`. On SIGTERM it finishes the
 * requests under way and exits with 0. Both hosts use it, so they differ only in `answer`.
 *
 * @throws Error if it cannot listen there
 */
export async function serve(answer: RequestListener): Promise<void> {
  const unused = new Set<Socket>()
  const answerInTurn = inTurns(answer)
  const server = createServer(settings, (request, response) => {
    unused.delete(request.socket)
    // If the client kept using the connection, its next request could be cut off.
    if (isDraining()) response.setHeader('connection', 'close')
    const listener = hasHost(request) ? answerInTurn : refuseHost
    listener(request, response)
  })
  server.on('connection', (socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  })
  server.on('clientError', refuseConnection)
  server.on('connect', (_, socket) => refuseConnect(socket))
  // RFC 9110, 10.1.1 allows a server to ignore an expectation other than 100-continue.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  await listen(server)

  const stop = () => shutDown(server, unused)
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

async function listen(server: Server): Promise<void> {
  const { HOST, PORT } = env()
  server.listen({ port: PORT, host: HOST, backlog: waitingConnections })
  await once(server, 'listening').catch((error: Error) => {
    throw new Error(`${error.message}. Set PORT, or HOST, to another.`)
  })
  const { port } = server.address() as AddressInfo
  console.log(`Todo API on http://${HOST ?? 'localhost'}:${port}`)
}

/** HTTP/1.1 requires one valid Host (RFC 9112, 3.2). Node joins two by a comma: not valid. */
function hasHost({ headers: { host }, httpVersion }: IncomingMessage): boolean {
  if (host === undefined) return httpVersion === '1.0'
  return /^[^\s,/?#@\\]+$/.test(host) && URL.canParse(`http://${host}`)
}

/** @param unused the connections without a request, which browsers open in advance */
async function shutDown(server: Server, unused: ReadonlySet<Socket>): Promise<void> {
  startDraining()
  await sleep(noticeMs)
  const closed = new Promise((resolve) => server.close(resolve))
  // Node does not count them as idle, and would wait for them.
  for (const socket of unused) socket.destroy()
  // A connection that was busy when the server closed stays open after its answer.
  const sweep = setInterval(() => server.closeIdleConnections(), 100)
  await Promise.race([closed, sleep(drainLimitMs)])
  clearInterval(sweep)
  server.closeAllConnections()
  await stopService()
  process.exit(0)
}
