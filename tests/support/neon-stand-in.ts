import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, Pool } from 'pg'
import { WebSocketServer } from 'ws'
import { tunnelToPostgres } from '#tests/support/websocket-tunnel'

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
  /** For `NEON_FETCH_ENDPOINT`. */
  readonly endpoint: string
  /** A URL as Neon hands it out, for a database of the Postgres behind. */
  url(database: string, login?: string): string
  /** Faults to come, used up one a fetch. */
  readonly faults: NeonFault[]
  /** Fetches so far. */
  readonly fetches: number
  /** WebSockets so far, of which only migrations need one. */
  readonly tunnels: number
  close(): Promise<void>
}

interface Batch {
  readonly queries: readonly { query: string; params: (string | null)[] }[]
}

const host = 'ep-test-stand-in.eu-central-1.aws.neon.tech'
const fields = ['severity', 'code', 'detail', 'hint', 'constraint', 'table', 'column', 'routine']

/** Every value as the text that Postgres sent, which `Neon-Raw-Text-Output` asks for. */
const rawText = { getTypeParser: () => (value: string) => value }

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
  const pools = new Map<string, Pool>()
  const sockets = new WebSocketServer({ noServer: true })

  const server = createServer(async (request, response) => {
    fetches += 1
    const fault = faults.shift()
    if (fault === 'cut') return request.socket.destroy()
    if (typeof fault === 'object' && 'status' in fault) {
      return reply(response, fault.status, fault.body)
    }
    if (typeof fault === 'object') await sleep(fault.delayMs)
    const [status, body] = await answer(request)
    if (fault === 'lost answer') return request.socket.destroy()
    return reply(response, status, body)
  })

  async function answer(request: IncomingMessage): Promise<[number, string]> {
    const wrong = faultOf(request)
    if (wrong !== undefined) return [400, JSON.stringify({ message: wrong })]
    const { queries }: Batch = JSON.parse(await text(request))
    const client = await poolFor(String(request.headers['neon-connection-string'])).connect()
    try {
      const results = []
      await client.query('begin')
      for (const { query, params } of queries) {
        const result = await client.query({
          text: query,
          values: params,
          rowMode: 'array',
          types: rawText,
        })
        results.push({ ...result, fields: result.fields, rows: result.rows, rowAsArray: true })
      }
      await client.query('commit')
      return [200, JSON.stringify({ results: results.map(toJson) })]
    } catch (error) {
      await client.query('rollback')
      const known = error as Record<string, unknown>
      const details = fields.map((field) => [field, known[field]])
      return [
        400,
        JSON.stringify({ message: String(known['message']), ...Object.fromEntries(details) }),
      ]
    } finally {
      client.release()
    }
  }

  function poolFor(connectionString: string): Pool {
    const { username, password, pathname } = new URL(connectionString)
    const key = `${username}:${password}${pathname}`
    const existing = pools.get(key)
    if (existing !== undefined) return existing
    const url = `postgres://${username}:${password}@127.0.0.1:${postgresPort}${pathname}`
    const pool = new Pool({ connectionString: url, max: 20, Client })
    pool.on('error', () => {})
    pools.set(key, pool)
    return pool
  }

  server.on('upgrade', (request, socket, head) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://stand-in')
    const isOurs = pathname === '/v2' && searchParams.get('address') === `${host}:5432`
    if (!isOurs) return socket.destroy()
    tunnels += 1
    return tunnelToPostgres(sockets, postgresPort, request, socket, head)
  })

  const port = await listen(server)
  return {
    endpoint: `http://127.0.0.1:${port}/sql`,
    url: (database, login = 'postgres') =>
      `postgresql://${login}:${password}@${host}/${database}?sslmode=require&channel_binding=require`,
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
      await Promise.all([...pools.values()].map((pool) => pool.end()))
    },
  }
}

function faultOf({ method, url, headers }: IncomingMessage): string | undefined {
  if (method !== 'POST' || url !== '/sql') return `no such endpoint: ${method} ${url}`
  if (headers['neon-raw-text-output'] !== 'true') return 'expected Neon-Raw-Text-Output: true'
  if (headers['neon-array-mode'] !== 'true') return 'expected Neon-Array-Mode: true'
  const connection = headers['neon-connection-string']
  if (typeof connection !== 'string') return 'missing Neon-Connection-String'
  const { hostname, searchParams } = new URL(connection)
  if (hostname !== host) return `another host: ${hostname}`
  if (searchParams.get('sslmode') !== 'require') return 'the URL has lost its parameters'
  return undefined
}

function toJson(result: Record<string, unknown>) {
  const { command, rowCount, rows, rowAsArray } = result
  const names = result['fields'] as { name: string; dataTypeID: number }[]
  return {
    command,
    rowCount,
    rows,
    rowAsArray,
    fields: names.map(({ name, dataTypeID }) => ({ name, dataTypeID })),
  }
}

function reply(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(body)
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
