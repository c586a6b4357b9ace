import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, inject, onTestFinished, TestRunner } from 'vitest'
import { type DatabaseOptions, type OpenDatabase, openDatabase } from '#db/database'
import { startFaultProxy } from '#tests/support/fault-proxy'
import { startNeonStandIn } from '#tests/support/neon-stand-in'
import {
  createDatabase,
  openAdministrator,
  password,
  postgresAt,
  runSql,
} from '#tests/support/postgres'
import { shared } from '#tests/support/shared'

/** The Postgres of this run, where each file has databases of its own. */
export const server = postgresAt(inject('postgresPort'))

/** Ends something when the test is over, or, outside of a test, when the tests around it are. */
export function atEnd(end: () => unknown): void {
  if (TestRunner.getCurrentTest() === undefined) afterAll(async () => void (await end()))
  else onTestFinished(async () => void (await end()))
}

/** An empty database there, with the options of `CREATE DATABASE` that are given. */
export async function newDatabase(options = '') {
  const name = await createDatabase(server, options)
  const url = server.url(name)
  return {
    name,
    url,
    /** Its URL as another login than the administrator. */
    urlOf: (login: string) => server.url(name, login),
    /** Runs statements as the administrator, and returns the rows of the last. */
    sql: (...statements: string[]) => runSql(url, ...statements),
  }
}

/** Neon's protocols in front of that Postgres, until `atEnd`. */
export async function startNeon() {
  const standIn = await startNeonStandIn(server.port, password)
  atEnd(standIn.close)
  return standIn
}

/** A network in front of that Postgres that can be made as bad as needed, until `atEnd`. */
export async function startNetwork() {
  const proxy = await startFaultProxy(server.port)
  atEnd(proxy.close)
  return proxy
}

export const everyTransport = ['postgres', 'neon', 'pglite'] as const
export type TransportName = (typeof everyTransport)[number]

/** What is tried on each transport: all of them with `npm run test:all`, else what production runs. */
export const transports = everyTransport.filter(
  (name) => name === 'postgres' || process.env['EVERY_TRANSPORT'] !== undefined,
)

/** What the service would pass, with a deadline that a busy machine keeps. */
export const options: Omit<DatabaseOptions, 'url'> = {
  usersTable: { table: 'users' },
  usersIdType: 'text',
  sessionsTable: { table: 'session' },
  poolSize: 10,
  queueLimit: 2000,
  connectTimeoutMs: 3000,
  requestTimeoutMs: 8000,
  limits: { deadlineMs: 60_000, attemptMs: 30_000 },
  onFault: () => {},
}

type Overrides = Partial<DatabaseOptions>

/** Opens a database as the service does, until `atEnd`. It is not migrated. */
export async function open(url: string, overrides: Overrides = {}): Promise<OpenDatabase> {
  const database = await openDatabase({ ...options, url, ...overrides })
  atEnd(database.close)
  return database
}

/** The same, migrated: the service as it has started there. */
export async function start(url: string, overrides: Overrides = {}): Promise<OpenDatabase> {
  const database = await open(url, overrides)
  await database.makeReady()
  return database
}

/** A database of the shared Postgres, or a PGlite, opened as the service opens it until `atEnd`. */
export interface TestDatabase {
  readonly database: OpenDatabase
  /** Runs statements as the administrator, past both walls, and returns the rows of the last. */
  asAdministrator(...statements: string[]): Promise<Record<string, unknown>[]>
  /** Where it is, as the administrator; PGlite is in the process. */
  readonly url?: string
}

type Asked = readonly [name: TransportName, overrides?: Overrides]

/** Opens a new database by one of the transports. It is not migrated yet. */
export async function openEmpty(...[name, overrides]: Asked): Promise<TestDatabase> {
  if (name === 'pglite') return await openOnPglite(overrides)
  const { name: databaseName, url } = await newDatabase()
  const administrator = openAdministrator(url)
  atEnd(administrator.close)
  const reached = name === 'neon' ? (await startNeon()).url(databaseName) : url
  const database = await open(reached, overrides)
  return { database, asAdministrator: administrator.run, url }
}

/** The same, migrated. */
export async function openReady(...asked: Asked): Promise<TestDatabase> {
  const opened = await openEmpty(...asked)
  await opened.database.makeReady()
  return opened
}

/** Starts on a database as the service does, and leaves it. @throws what a start throws */
export async function makeReady(url: string, overrides: Overrides = {}): Promise<void> {
  const database = await openDatabase({ ...options, url, ...overrides })
  await database.makeReady().finally(() => database.close())
}

async function openOnPglite(overrides?: Overrides): Promise<TestDatabase> {
  const folder = mkdtempSync(join(inject('runFolder'), 'pglite-'))
  atEnd(() => rmSync(folder, { recursive: true }))
  cpSync(await shared('pglite folder'), folder, { recursive: true })
  const database = await open(`pglite://${folder}`, overrides)
  return {
    database,
    async asAdministrator(...statements) {
      const list = statements.map((sql) => ({ sql, parameters: [] }))
      const results = await database.transport.transaction(list, 8000)
      return results.at(-1) ?? []
    },
  }
}
