/**
 * What the files of a run share. Postgres is there before the first of them; the rest is made when
 * one first asks for it (`shared.ts`), while the others run, and all of it is gone at the end.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { join, resolve } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import type { TestProject } from 'vitest/node'
import { buildNext } from '#tests/support/build'
import { startNeonStandIn } from '#tests/support/neon-stand-in'
import {
  createDatabase,
  type PostgresServer,
  password,
  runSql,
  startPostgres,
} from '#tests/support/postgres'
import { type Host, listen, startService } from '#tests/support/service'
import { buildOnVercel } from '#tests/support/vercel-build'

declare module 'vitest' {
  interface ProvidedContext {
    /** The port of the Postgres of this run, where each file has databases of its own. */
    postgresPort: number
    /** A folder inside of the repository that is gone after the run. */
    runFolder: string
    /** Where `shared.ts` asks. */
    sharedUrl: string
    /** What the HTTP suite of a project speaks to. */
    service: SharedName
  }
}

let postgres: PostgresServer
/** Gone after the run. */
let folder = ''
/** Of what was made, the last is ended first. */
const ends = new AsyncDisposableStack()

const makers = {
  'next build': () => buildNext(),
  'vercel build': buildOnVercel,
  'node on postgres': () => onPostgres('node'),
  /** An empty database: to make one takes PGlite five times as long as to open a copy. */
  async 'pglite folder'() {
    const empty = join(folder, 'pglite')
    await (await PGlite.create(empty)).close()
    return empty
  },
  'vercel on postgres': () => onPostgres('vercel'),
  'next on pglite': () => serve('next', { DATABASE_URL: 'pglite://' }),
  async 'node on neon'() {
    const standIn = await startNeonStandIn(postgres.port, password)
    ends.defer(() => standIn.close())
    return await serve('node', standIn.settings(await createDatabase(postgres)))
  },
} satisfies Record<string, () => Promise<string>>

export type SharedName = keyof typeof makers

const made = new Map<SharedName, Promise<string>>()

/** Makes what is not there yet. @returns its folder or its URL */
function make(name: SharedName): Promise<string> {
  const making = made.get(name) ?? makers[name]()
  made.set(name, making)
  return making
}

async function onPostgres(host: Host): Promise<string> {
  return await serve(host, { DATABASE_URL: postgres.url(await createDatabase(postgres)) })
}

async function serve(host: Host, env: Record<string, string>): Promise<string> {
  if (host === 'vercel') await make('vercel build')
  const sources = host === 'next' ? await make('next build') : '.'
  // A machine that is busy is slow to answer what these suites send at once.
  const service = await startService(host, { ...env, DATABASE_TIMEOUT_MS: '60000' }, sources)
  ends.defer(async () => void (await service.stop()))
  return service.url
}

function isName(name: string): name is SharedName {
  return name in makers
}

const server = createServer(async ({ url = '' }, response) => {
  const name = decodeURIComponent(url.slice(1))
  try {
    if (!isName(name)) throw new Error('Nobody knows how.')
    response.end(await make(name))
  } catch (error) {
    response.writeHead(500).end(error instanceof Error ? error.stack : String(error))
  }
})

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  mkdirSync('.data', { recursive: true })
  folder = mkdtempSync(resolve('.data/run-'))
  ends.defer(() => rmSync(folder, { recursive: true, force: true }))
  postgres = await startPostgres()
  ends.defer(() => postgres.remove())
  // New databases are copies, and so have what the first connection to one writes for the next.
  await runSql(postgres.url('template1'), 'select')
  project.provide('sharedUrl', `http://127.0.0.1:${await listen(server)}`)
  ends.defer(() => server.close().closeAllConnections())
  project.provide('postgresPort', postgres.port)
  project.provide('runFolder', folder)
  return () => ends.disposeAsync()
}
