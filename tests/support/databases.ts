import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { inject } from 'vitest'
import { type DatabaseOptions, type OpenDatabase, openDatabase } from '#db/database'
import { startNeonStandIn } from '#tests/support/neon-stand-in'
import { createDatabase, openAdministrator, password, postgresAt } from '#tests/support/postgres'
import { shared } from '#tests/support/shared'

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

/** A database of the shared Postgres, or a PGlite, opened as the service opens it. */
export interface TestDatabase {
  readonly database: OpenDatabase
  /** Runs statements as the administrator, past both walls, and returns the rows of the last. */
  asAdministrator(...statements: string[]): Promise<Record<string, unknown>[]>
  /** Where it is, as the administrator; PGlite is in the process. */
  readonly url?: string
  close(): Promise<void>
}

/** Opens a new database by one of the transports. It is not migrated yet. */
export async function openTestDatabase(
  name: TransportName,
  overrides: Partial<DatabaseOptions> = {},
): Promise<TestDatabase> {
  if (name === 'pglite') return await openOnPglite(overrides)
  const server = postgresAt(inject('postgresPort'))
  const databaseName = await createDatabase(server)
  const direct = server.url(databaseName)
  const administrator = openAdministrator(direct)
  const standIn = name === 'neon' ? await startNeonStandIn(server.port, password) : undefined
  const url = standIn?.url(databaseName) ?? direct
  const database = await openDatabase({ ...options, url, ...overrides })
  return {
    database,
    asAdministrator: administrator.run,
    url: direct,
    async close() {
      await database.close()
      await standIn?.close()
      await administrator.close()
    },
  }
}

/** The same, migrated. */
export async function openReady(
  name: TransportName,
  overrides: Partial<DatabaseOptions> = {},
): Promise<TestDatabase> {
  const opened = await openTestDatabase(name, overrides)
  await opened.database.makeReady()
  return opened
}

/** Starts on a database as the service does, and leaves it. @throws what a start throws */
export async function makeReady(
  url: string,
  overrides: Partial<DatabaseOptions> = {},
): Promise<void> {
  const database = await openDatabase({ ...options, url, ...overrides })
  await database.makeReady().finally(() => database.close())
}

async function openOnPglite(overrides: Partial<DatabaseOptions>): Promise<TestDatabase> {
  const folder = mkdtempSync(join(inject('runFolder'), 'pglite-'))
  cpSync(await shared('pglite folder'), folder, { recursive: true })
  const database = await openDatabase({ ...options, url: `pglite://${folder}`, ...overrides })
  return {
    database,
    async asAdministrator(...statements) {
      const list = statements.map((sql) => ({ sql, parameters: [] }))
      const results = await database.transport.transaction(list, 8000)
      return results.at(-1) ?? []
    },
    async close() {
      await database.close()
      rmSync(folder, { recursive: true })
    },
  }
}
