import { randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { makeCluster, startCluster } from '#tests/support/postgres-cluster'
import { freePort } from '#tests/support/service'

/** Where a Postgres listens on this machine. */
export interface PostgresAddress {
  readonly port: number
  /** The URL of one of its databases, as its superuser unless a login is given. */
  url(database: string, login?: string): string
}

/** A real Postgres of its own, gone after the tests. */
export type PostgresServer = Awaited<ReturnType<typeof startPostgres>>

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
export async function startPostgres({ isDurable = false } = {}) {
  const parent = mkdtempSync(join(tmpdir(), 'todo-postgres-'))
  const folder = join(parent, 'data')
  const port = await freePort()
  makeCluster(folder, password)
  let server = await startCluster(folder, port, isDurable)
  return {
    ...postgresAt(port),
    /** Where its data is. */
    folder,
    /** Ends it at once, as a crash does. */
    kill: () => server.end('SIGKILL'),
    /** Starts it again on the same data. */
    async restart() {
      server = await startCluster(folder, port, isDurable)
    },
    /** Ends it and removes its data. */
    async remove() {
      await server.end('SIGINT')
      await rm(parent, { recursive: true, force: true })
    },
  }
}

/** Runs statements on a connection of their own and returns the rows of the last. */
export async function runSql(url: string, ...statements: string[]) {
  const administrator = openAdministrator(url)
  return await administrator.run(...statements).finally(administrator.close)
}

/** A connection that stays open: to open one takes Postgres longer than most statements do. */
export function openAdministrator(url: string) {
  const client = new Client({ connectionString: url })
  // A test may end it. Who asks after that is told.
  client.on('error', () => {})
  let last: Promise<unknown> = Promise.resolve()
  let connecting: Promise<unknown> | undefined
  async function runAll(statements: readonly string[]) {
    connecting ??= client.connect()
    await connecting
    let rows: Record<string, unknown>[] = []
    for (const statement of statements) rows = (await client.query(statement)).rows
    return rows
  }
  return {
    /** Runs statements behind those that were asked for before, and returns the rows of the last. */
    async run(...statements: string[]) {
      const running = last.then(() => runAll(statements))
      last = running.catch(() => {})
      return await running
    },
    async close() {
      if (connecting !== undefined) await client.end()
    },
  }
}

/** Copying files takes a third of what writing the log of a copy does; Postgres 14 does nothing else. */
const findStrategy = `select case when current_setting('server_version_num')::integer < 150000
  then '' else 'strategy file_copy' end as strategy`
let strategy: ReturnType<typeof runSql> | undefined

/** Makes an empty database, with the options of `CREATE DATABASE` that are given. @returns its name */
export async function createDatabase(server: PostgresAddress, options = ''): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`
  const url = server.url('postgres')
  strategy ??= runSql(url, findStrategy)
  const [found] = await strategy
  await runSql(url, `create database ${name} ${found?.['strategy']} ${options}`)
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
