import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { env } from '#lib/config/env'
import { log } from '#lib/log'
import { isDraining, startDraining } from '#lib/service/draining'
import { stop as stopService } from '#lib/service/start'
import { refuseConnect, refuseConnection, rememberExchange } from '#server/client-error'
import { inTurns } from '#server/turns'
import { WatchedResponse, watch } from '#server/waiting-answers'

const settings = {
  // Joins two Authorization headers into one, which is refused. Node would drop the second.
  joinDuplicateHeaders: true,
  // `readUrl` checks it, so that the refusal is a problem document.
  requireHostHeader: false,
  // Closes the connection of a client that does not read its answer.
  ServerResponse: WatchedResponse,
  // Load balancers keep idle connections for up to 600 s. If the service closed one first, the
  // balancer could send a request on it at that moment, and would answer 502.
  keepAliveTimeout: 620_000,
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

/**
 * Connections that are kept open for a next request. Otherwise one machine could hold all that the
 * operating system allows, for ten minutes with a request each. Those beyond end with their answers:
 * closed while idle, one could lose a request that is on its way.
 */
const mostConnections = 4000

/** How long a load balancer has to notice that the service is ending, before it stops listening. */
const noticeMs = 1000
/** After this time open requests are cut off. A request takes less, unless settings give it more. */
const drainLimitMs = 30_000

/**
 * Listens on `HOST` and `PORT`, and answers requests with `answer`. On SIGTERM it finishes the
 * requests under way and exits with 0. An error that nothing catches ends it the same way, with 1.
 *
 * @throws Error if it cannot listen there
 */
export async function serve(answer: RequestListener): Promise<void> {
  const unused = new Set<Socket>()
  let open = 0
  const answerInTurn = inTurns(answer)
  const server = createServer(settings, (request, response) => {
    unused.delete(request.socket)
    if (open > mostConnections) response.shouldKeepAlive = false
    rememberExchange(request, response)
    watch(response)
    answerInTurn(request, response)
  })
  server.on('connection', (socket) => {
    unused.add(socket)
    open += 1
    socket.once('close', () => {
      unused.delete(socket)
      open -= 1
    })
  })
  server.on('clientError', refuseConnection)
  server.on('connect', (_, socket) => refuseConnect(socket))
  // RFC 9110, 10.1.1 allows a server to ignore an expectation other than 100-continue.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  await listen(server)

  const stop = () => {
    if (!isDraining()) void shutDown(server, unused)
  }
  // Not once: the default of a second signal would cut requests off. A second Ctrl+C is meant so.
  process.on('SIGTERM', stop)
  process.once('SIGINT', stop)
  // Nobody knows what state such an error leaves behind, so the process ends, but not the requests.
  const end = (thrown: unknown) => {
    log().error({ event: 'fault', code: 'internal_error', err: thrown })
    process.exitCode = 1
    stop()
  }
  // A promise that nobody catches ends here too.
  process.on('uncaughtException', end)
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

/**
 * Waits for a turn of the event loop in which nobody is accepted. Whoever waits for that is reset where
 * the server closes, after the request was sent: no proxy tries a write again then.
 */
export async function acceptWaiting(server: Server): Promise<void> {
  const end = performance.now() + noticeMs
  let isAccepted: boolean
  const note = () => {
    isAccepted = true
  }
  server.on('connection', note)
  // The turn under way may have accepted already.
  await nextTurn()
  do {
    isAccepted = false
    await nextTurn()
  } while (isAccepted && performance.now() < end)
  server.off('connection', note)
}

/** @param unused the connections without a request, which browsers open in advance */
async function shutDown(server: Server, unused: ReadonlySet<Socket>): Promise<void> {
  startDraining()
  await sleep(noticeMs)
  await acceptWaiting(server)
  const closed = new Promise((resolve) => server.close(resolve))
  const sweep = setInterval(() => {
    // Node does not count them as idle, and would wait for them.
    for (const socket of unused) socket.destroy()
    // A connection that was busy when the server closed stays open after its answer.
    server.closeIdleConnections()
  }, 100)
  await Promise.race([closed, sleep(drainLimitMs)])
  clearInterval(sweep)
  server.closeAllConnections()
  try {
    await stopService()
  } finally {
    process.exit()
  }
}
