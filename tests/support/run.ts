/**
 * What the files of a run share. Postgres is there before the first of them; the rest is made when
 * one first asks for it (`shared.ts`), while the others run, and all of it is gone at the end.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
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

/** What makes the rest, and what ends it. */
interface Run {
  readonly postgres: PostgresServer
  /** Gone after the run. */
  readonly folder: string
  /** The last is ended first. */
  readonly ends: AsyncDisposableStack
}

const makers = {
  'next build': () => buildNext(),
  'vercel build': buildOnVercel,
  'node on postgres': (run) => onPostgres('node', run),
  /** An empty database: to make one takes PGlite five times as long as to open a copy. */
  async 'pglite folder'(run) {
    const folder = join(run.folder, 'pglite')
    await (await PGlite.create(folder)).close()
    return folder
  },
  'next on postgres': (run) => onPostgres('next', run),
  'vercel on postgres': (run) => onPostgres('vercel', run),
  'next on pglite': (run) => serve('next', { DATABASE_URL: 'pglite://' }, run),
  async 'node on neon'(run) {
    const standIn = await startNeonStandIn(run.postgres.port, password)
    run.ends.defer(() => standIn.close())
    return await serve('node', standIn.settings(await createDatabase(run.postgres)), run)
  },
} satisfies Record<string, (run: Run) => Promise<string>>

export type SharedName = keyof typeof makers

const made = new Map<SharedName, Promise<string>>()

/** Makes what is not there yet. @returns its folder or its URL */
function make(name: SharedName, run: Run): Promise<string> {
  const making = made.get(name) ?? makers[name](run)
  made.set(name, making)
  return making
}

async function onPostgres(host: Host, run: Run): Promise<string> {
  const url = run.postgres.url(await createDatabase(run.postgres))
  return await serve(host, { DATABASE_URL: url }, run)
}

async function serve(host: Host, env: Record<string, string>, run: Run): Promise<string> {
  if (host === 'vercel') await make('vercel build', run)
  const folder = host === 'next' ? await make('next build', run) : '.'
  const service = await startService(host, env, folder)
  run.ends.defer(async () => void (await service.stop()))
  return service.url
}

function isName(name: string): name is SharedName {
  return name in makers
}

function answerTo(run: Run): Server {
  return createServer(async ({ url = '' }, response) => {
    const name = decodeURIComponent(url.slice(1))
    try {
      if (!isName(name)) throw new Error('Nobody knows how.')
      response.end(await make(name, run))
    } catch (error) {
      response.writeHead(500).end(error instanceof Error ? error.stack : String(error))
    }
  })
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const ends = new AsyncDisposableStack()
  mkdirSync('.data', { recursive: true })
  const folder = mkdtempSync(resolve('.data/run-'))
  ends.defer(() => rmSync(folder, { recursive: true, force: true }))
  const postgres = await startPostgres()
  ends.defer(() => postgres.remove())
  // New databases are copies, and so have what the first connection to one writes for the next.
  await runSql(postgres.url('template1'), 'select')
  const server = answerTo({ postgres, folder, ends })
  const port = await listen(server)
  ends.defer(() => {
    server.close()
    server.closeAllConnections()
  })
  project.provide('postgresPort', postgres.port)
  project.provide('runFolder', folder)
  project.provide('sharedUrl', `http://127.0.0.1:${port}`)
  return () => ends.disposeAsync()
}
