import { createServer, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'pg'
import { type WebSocket, WebSocketServer } from 'ws'
import { redirectToStandIn, standInHost } from '#tests/support/neon-redirect'
import { listen } from '#tests/support/service'

/** What the next fetches meet instead of an answer. */
export type NeonFault =
  | { readonly status: number; readonly body: string; readonly headers?: Record<string, string> }
  /** The answer, late: a compute that was suspended has to start. */
  | { readonly delayMs: number }
  /** The statements run, and the answer is lost. */
  | 'lost answer'
  /** The connection is closed before anything runs. */
  | 'cut'

export type NeonStandIn = Awaited<ReturnType<typeof startNeonStandIn>>

/**
 * Speaks Neon's protocols in front of a real Postgres: its HTTP `/sql`, and the WebSocket `/v2` that
 * the driver's `Pool` uses. Refuses what Neon would refuse, so that it shows what the driver sends.
 */
export async function startNeonStandIn(postgresPort: number, password: string) {
  const pools = new Map<string, Pool>()
  const sockets = new WebSocketServer({ noServer: true })

  const server = createServer(async (request, response) => {
    standIn.fetches += 1
    const fault = standIn.faults.shift()
    const reply = (status: number, body: string) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    if (fault === 'cut') return request.socket.destroy()
    if (typeof fault === 'object' && 'status' in fault) {
      response.setHeaders(new Headers(fault.headers))
      return reply(fault.status, fault.body)
    }
    if (typeof fault === 'object') await sleep(fault.delayMs)
    if (request.socket.destroyed) return undefined
    const message = whatIsWrong(request, standInHost(port))
    if (message !== undefined) return reply(400, JSON.stringify({ message }))
    const pool = poolFor(String(request.headers['neon-connection-string']))
    const [status, body] = await runBatch(pool, request)
    return fault === 'lost answer' ? request.socket.destroy() : reply(status, body)
  })

  function poolFor(connectionString: string): Pool {
    const url = new URL(connectionString)
    url.host = `127.0.0.1:${postgresPort}`
    url.search = ''
    const pool = pools.get(url.href) ?? new Pool({ connectionString: url.href, max: 20 })
    if (!pools.has(url.href)) pool.on('error', () => {})
    pools.set(url.href, pool)
    return pool
  }

  server.on('upgrade', (request, socket, head) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://stand-in')
    const isOurs = pathname === '/v2' && searchParams.get('address') === `${standInHost(port)}:5432`
    if (!isOurs) return socket.destroy()
    standIn.tunnels += 1
    return sockets.handleUpgrade(request, socket, head, (tunnel) => joinTo(tunnel, postgresPort))
  })

  const port = await listen(server)
  /** A URL as Neon hands it out, for a database of the Postgres behind. */
  const url = (database: string, login = 'postgres') =>
    `postgresql://${login}:${password}@${standInHost(port)}/${database}?sslmode=require&channel_binding=require`
  const standIn = {
    url,
    /** What a service that is started needs to have that database. */
    settings: (database: string): Record<string, string> => ({
      DATABASE_URL: url(database),
      NODE_OPTIONS: redirectToStandIn,
    }),
    /** Faults to come, used up one a fetch. */
    faults: [] as NeonFault[],
    /** Fetches so far. */
    fetches: 0,
    /** WebSockets so far, of which only migrations need one. */
    tunnels: 0,
    async close() {
      for (const socket of sockets.clients) socket.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await Promise.all([...pools.values()].map((pool) => pool.end()))
    },
  }
  return standIn
}

/** What is wrong with a fetch by Neon's rules. */
function whatIsWrong({ method, url, headers }: IncomingMessage, host: string): string | undefined {
  if (method !== 'POST' || url !== '/sql') return `no such endpoint: ${method} ${url}`
  if (headers['neon-raw-text-output'] !== 'true') return 'expected Neon-Raw-Text-Output: true'
  if (headers['neon-array-mode'] !== 'true') return 'expected Neon-Array-Mode: true'
  const { hostname, searchParams } = new URL(String(headers['neon-connection-string']))
  if (hostname !== host) return `another host: ${hostname}`
  if (searchParams.get('sslmode') !== 'require') return 'the URL has lost its parameters'
  return undefined
}

/** Every value as the text that Postgres sent, which `Neon-Raw-Text-Output` asks for. */
const rawText = { getTypeParser: () => (value: string) => value }
const errorFields = 'message severity code detail hint constraint where'.split(' ')

interface Batch {
  readonly queries: readonly { query: string; params: (string | null)[] }[]
}

/** Runs a batch as one transaction. @returns the status and the body of Neon's answer */
async function runBatch(pool: Pool, request: IncomingMessage): Promise<[number, string]> {
  const { queries }: Batch = JSON.parse(await text(request))
  const client = await pool.connect()
  try {
    const results: object[] = []
    await client.query('begin')
    for (const { query, params } of queries) {
      const { command, rowCount, rows, fields } = await client.query({
        ...{ text: query, values: params, rowMode: 'array', types: rawText },
      })
      const named = fields.map(({ name, dataTypeID }) => ({ name, dataTypeID }))
      results.push({ command, rowCount, rows, rowAsArray: true, fields: named })
    }
    await client.query('commit')
    return [200, JSON.stringify({ results })]
  } catch (error) {
    await client.query('rollback')
    const told = errorFields.map((field) => [field, Reflect.get(Object(error), field)])
    return [400, JSON.stringify(Object.fromEntries(told))]
  } finally {
    client.release()
  }
}

/** Passes the bytes of a WebSocket to a Postgres and back, as Neon's proxy does on `/v2`. */
function joinTo(tunnel: WebSocket, postgresPort: number): void {
  const upstream = connect(postgresPort, '127.0.0.1')
  tunnel.on('message', (data: Buffer) => upstream.write(data))
  upstream.on('data', (data) => tunnel.send(data))
  for (const event of ['close', 'error']) {
    tunnel.on(event, () => upstream.destroy())
    upstream.on(event, () => tunnel.close())
  }
}
