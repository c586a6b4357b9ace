/**
 * What the files of a run share. Postgres is there before the first of them; the rest is made when
 * one first asks for it (`shared.ts`), while the others run, and all of it is gone at the end.
 */
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
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
import { type Host, startService } from '#tests/support/service'
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

/** Made for a run: a folder or a URL, and what ends it. */
interface Made {
  readonly value: string
  end?(): Promise<unknown>
}

const makers = {
  'next build': async () => ({ value: await buildNext() }),
  'vercel build': async () => ({ value: await buildOnVercel() }),
  'node on postgres': (run) => onPostgres('node', run),
  /** An empty database: to make one takes PGlite five times as long as to open a copy. */
  async 'pglite folder'(run) {
    const folder = join(run.folder, 'pglite')
    await (await PGlite.create(folder)).close()
    return { value: folder }
  },
  'next on postgres': (run) => onPostgres('next', run),
  'vercel on postgres': (run) => onPostgres('vercel', run),
  'next on pglite': (run) => serve('next', { DATABASE_URL: 'pglite://' }, run),
  async 'node on neon'(run) {
    const standIn = await startNeonStandIn(run.postgres.port, password)
    const settings = standIn.settings(await createDatabase(run.postgres))
    const { value, end } = await serve('node', settings, run)
    return { value, end: () => end().finally(() => standIn.close()) }
  },
} satisfies Record<string, (run: Run) => Promise<Made>>

export type SharedName = keyof typeof makers

/** What has been made so far, and makes more of it. */
class Run {
  readonly #made = new Map<SharedName, Promise<Made>>()
  readonly postgres: PostgresServer
  /** Gone after the run. */
  readonly folder: string

  constructor(postgres: PostgresServer, folder: string) {
    this.postgres = postgres
    this.folder = folder
  }

  async make(name: SharedName): Promise<string> {
    const making = this.#made.get(name) ?? makers[name](this)
    this.#made.set(name, making)
    return (await making).value
  }

  async end(): Promise<void> {
    // The last is ended first. What could not be made has told its files.
    for (const making of [...this.#made.values()].reverse()) {
      await making.then(
        ({ end }) => end?.(),
        () => undefined,
      )
    }
    await this.postgres.remove()
  }
}

async function onPostgres(host: Host, run: Run): Promise<Made> {
  const url = run.postgres.url(await createDatabase(run.postgres))
  return await serve(host, { DATABASE_URL: url }, run)
}

async function serve(host: Host, env: Record<string, string>, run: Run) {
  if (host === 'vercel') await run.make('vercel build')
  const folder = host === 'next' ? await run.make('next build') : '.'
  const service = await startService(host, env, folder)
  return { value: service.url, end: () => service.stop() }
}

function isName(name: string): name is SharedName {
  return name in makers
}

function answerTo(run: Run): Server {
  return createServer(async ({ url = '' }, response) => {
    const name = decodeURIComponent(url.slice(1))
    try {
      if (!isName(name)) throw new Error('Nobody knows how.')
      response.end(await run.make(name))
    } catch (error) {
      response.writeHead(500).end(error instanceof Error ? error.stack : String(error))
    }
  })
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  mkdirSync('.data', { recursive: true })
  const folder = mkdtempSync(resolve('.data/run-'))
  const run = new Run(await startPostgres(), folder)
  // New databases are copies, and so have what the first connection to one writes for the next.
  await runSql(run.postgres.url('template1'), 'select')
  const server = answerTo(run).listen(0, '127.0.0.1')
  await once(server, 'listening')
  project.provide('postgresPort', run.postgres.port)
  project.provide('runFolder', folder)
  project.provide('sharedUrl', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return async () => {
    server.close()
    server.closeAllConnections()
    await run.end()
    rmSync(folder, { recursive: true, force: true })
  }
}
