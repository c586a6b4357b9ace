import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { Pool } from 'pg'

interface Batch {
  readonly queries: readonly { query: string; params: (string | null)[] }[]
}

/** Every value as the text that Postgres sent, which `Neon-Raw-Text-Output` asks for. */
const rawText = { getTypeParser: () => (value: string) => value }
const errorFields = ['severity', 'code', 'detail', 'hint', 'constraint', 'table', 'column'] as const

/** What is wrong with a fetch by Neon's rules, so that the stand-in shows what the driver sends. */
export function faultOf({ method, url, headers }: IncomingMessage, host: string) {
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

/** Runs the batches of Neon's HTTP protocol on a Postgres, each as one transaction. */
export class BatchRunner {
  readonly #postgresPort: number
  readonly #pools = new Map<string, Pool>()

  constructor(postgresPort: number) {
    this.#postgresPort = postgresPort
  }

  /** @returns the status and the body of Neon's answer */
  async run(request: IncomingMessage): Promise<[number, string]> {
    const { queries }: Batch = JSON.parse(await text(request))
    const pool = this.#poolFor(String(request.headers['neon-connection-string']))
    const client = await pool.connect()
    try {
      const results: object[] = []
      await client.query(`begin${isolation(request)}`)
      for (const { query, params } of queries) {
        const { command, rowCount, rows, fields } = await client.query({
          text: query,
          values: params,
          rowMode: 'array',
          types: rawText,
        })
        const named = fields.map(({ name, dataTypeID }) => ({ name, dataTypeID }))
        results.push({ command, rowCount, rows, rowAsArray: true, fields: named })
      }
      await client.query('commit')
      return [200, JSON.stringify({ results })]
    } catch (error) {
      await client.query('rollback')
      const known = error as Record<string, unknown>
      const details = errorFields.map((field) => [field, known[field]])
      return [400, JSON.stringify({ message: known['message'], ...Object.fromEntries(details) })]
    } finally {
      client.release()
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.end()))
  }

  #poolFor(connectionString: string): Pool {
    const { username, password, pathname } = new URL(connectionString)
    const url = `postgres://${username}:${password}@127.0.0.1:${this.#postgresPort}${pathname}`
    const existing = this.#pools.get(url)
    if (existing !== undefined) return existing
    const pool = new Pool({ connectionString: url, max: 20 })
    pool.on('error', () => {})
    this.#pools.set(url, pool)
    return pool
  }
}

/** `ReadCommitted` and its like; without the header Postgres decides. */
function isolation({ headers }: IncomingMessage): string {
  const level = headers['neon-batch-isolation-level']
  return typeof level === 'string'
    ? ` isolation level ${level.replace(/(?<=[a-z])(?=[A-Z])/, ' ')}`
    : ''
}
