import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { BatchRunner, faultOf } from '#tests/support/neon-batch'
import { redirectToStandIn, standInHost } from '#tests/support/neon-redirect'

/** What the next fetches meet instead of an answer. */
export type NeonFault =
  | { readonly status: number; readonly body: string }
  /** The answer, late: a compute that was suspended has to start. */
  | { readonly delayMs: number }
  /** The statements run, and the answer is lost. */
  | 'lost answer'
  /** The connection is closed before anything runs. */
  | 'cut'

export interface NeonStandIn {
  readonly endpoint: string
  /** A URL as Neon hands it out, for a database of the Postgres behind. */
  url(database: string, login?: string): string
  /** What a service that is started needs to have that database. */
  settings(database: string): Record<string, string>
  /** Faults to come, used up one a fetch. */
  readonly faults: NeonFault[]
  /** Fetches so far. */
  readonly fetches: number
  /** WebSockets so far, of which only migrations need one. */
  readonly tunnels: number
  close(): Promise<void>
}

/**
 * Speaks Neon's protocols in front of a real Postgres: its HTTP `/sql`, and the WebSocket `/v2` that
 * the driver's `Pool` uses. Refuses what Neon would refuse, so that it shows what the driver sends.
 */
export async function startNeonStandIn(
  postgresPort: number,
  password: string,
): Promise<NeonStandIn> {
  const faults: NeonFault[] = []
  let fetches = 0
  let tunnels = 0
  const runner = new BatchRunner(postgresPort)
  const sockets = new WebSocketServer({ noServer: true })

  const server = createServer(async (request, response) => {
    fetches += 1
    const fault = faults.shift()
    if (fault === 'cut') return request.socket.destroy()
    if (typeof fault === 'object' && 'status' in fault) {
      return reply(response, fault.status, fault.body)
    }
    if (typeof fault === 'object') await sleep(fault.delayMs)
    if (request.socket.destroyed) return undefined
    const wrong = faultOf(request, standInHost(port))
    if (wrong !== undefined) return reply(response, 400, JSON.stringify({ message: wrong }))
    const [status, body] = await runner.run(request)
    if (fault === 'lost answer') return request.socket.destroy()
    return reply(response, status, body)
  })

  server.on('upgrade', (request, socket, head) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://stand-in')
    const isOurs = pathname === '/v2' && searchParams.get('address') === `${standInHost(port)}:5432`
    if (!isOurs) return socket.destroy()
    tunnels += 1
    return tunnelToPostgres(sockets, postgresPort, request, socket, head)
  })

  const port = await listen(server)
  const url = (database: string, login = 'postgres') =>
    `postgresql://${login}:${password}@${standInHost(port)}/${database}?sslmode=require&channel_binding=require`
  return {
    endpoint: `http://127.0.0.1:${port}/sql`,
    url,
    settings: (database) => ({ DATABASE_URL: url(database), NODE_OPTIONS: redirectToStandIn }),
    faults,
    get fetches() {
      return fetches
    },
    get tunnels() {
      return tunnels
    },
    async close() {
      for (const socket of sockets.clients) socket.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await runner.close()
    },
  }
}

function reply(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(body)
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** Passes the bytes of a WebSocket to a Postgres and back, as Neon's proxy does on `/v2`. */
export function tunnelToPostgres(
  server: WebSocketServer,
  postgresPort: number,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  server.handleUpgrade(request, socket, head, (webSocket) => {
    const upstream = connect(postgresPort, '127.0.0.1')
    webSocket.on('message', (data: Buffer) => upstream.write(data))
    webSocket.on('close', () => upstream.destroy())
    webSocket.on('error', () => upstream.destroy())
    upstream.on('data', (data) => webSocket.send(data))
    upstream.on('close', () => webSocket.close())
    upstream.on('error', () => webSocket.close())
  })
}
