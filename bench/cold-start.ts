import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { secret, signToken } from '#bench/data'
import { median } from '#bench/measure'
import { startPostgres } from '#bench/postgres'
import { versionOf } from '#bench/servers'
import { figure, ratio, toTable } from '#bench/tables'
import { buildFunctions, sizeTable } from '#bench/vercel-functions'

/** Serves the function in its folder by its own launcher, and tells when it got how far. */
const launcher = `const now = () => performance.timeOrigin + performance.now()
const node = now()
const handler = require(process.cwd() + '/___next_launcher.cjs')
const next = now()
const server = require('node:http').createServer(handler)
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ node, next, port: server.address().port }))
})
process.once('SIGTERM', () => {
  const { user, system } = process.cpuUsage()
  console.log(JSON.stringify((user + system) / 1000))
  process.exit()
})`

const environment = {
  NODE_ENV: 'production' as const,
  VERCEL: '1',
  BETTER_AUTH_SECRET: secret,
  LOG_LEVEL: 'error',
}

/** Of one start, in milliseconds. */
interface Start {
  /** From the start of the process to the answer. */
  readonly total: number
  readonly node: number
  readonly next: number
  readonly answer: number
  readonly cpu: number
}

/**
 * Starts the function that Vercel deploys, in a new process each time, and measures from the start
 * of the process to the answer of its first request: a list, a request without the database, and
 * a constant route of another Next app. They take turns, so that a busy machine hits all.
 */
export async function coldStart(rounds: number): Promise<{ measured: string; versions: string }> {
  const { service, constant } = await buildFunctions()
  const postgres = await startPostgres()
  const cache = mkdtempSync(join(tmpdir(), 'todo-compile-cache-'))
  try {
    const env = { ...environment, DATABASE_URL: postgres.url }
    execFileSync(process.execPath, ['scripts/migrate.ts'], { env: { ...process.env, ...env } })
    const cases = [
      ['a constant route', constant, '/api/tasks'],
      ['`/health`', service, '/health'],
      ['a list', service, '/api/tasks'],
    ] as const
    const tables: string[] = []
    for (const [title, more] of [
      ['first answer', {}],
      ['with compile cache', { NODE_COMPILE_CACHE: cache }],
    ] as const) {
      const starts = cases.map((): Start[] => [])
      // The first round fills caches and is not counted.
      for (let round = 0; round <= rounds; round += 1) {
        for (const [index, [, folder, path]] of cases.entries()) {
          const start = await startOnce(folder, path, { ...env, ...more })
          if (round > 0) starts[index]?.push(start)
        }
      }
      const names = cases.map(([name]) => name)
      tables.push(startTable(title, names, starts))
    }
    return {
      measured: [`Medians of ${rounds} new processes.`, ...tables, sizeTable()].join('\n\n'),
      versions: `Node ${process.versions.node}, Next ${versionOf('next')}, Postgres ${postgres.version}`,
    }
  } finally {
    rmSync(cache, { recursive: true })
    await postgres.stop()
  }
}

function startTable(title: string, names: readonly string[], starts: readonly Start[][]): string {
  const middle = (index: number, part: keyof Start) =>
    median((starts[index] ?? []).map((start) => start[part]))
  const rows = names.map((name, index) => [
    name,
    ...(['total', 'node', 'next', 'answer', 'cpu'] as const).map((part) =>
      figure(middle(index, part)),
    ),
    ratio(middle(index, 'total'), middle(0, 'total')),
  ])
  const parts = ['ms', 'Node', "Next's server", 'the request', 'CPU ms', 'to the constant']
  return toTable([title, ...parts], rows)
}

async function startOnce(folder: string, path: string, env: NodeJS.ProcessEnv): Promise<Start> {
  const now = () => performance.timeOrigin + performance.now()
  const startedAt = now()
  const child = spawn(process.execPath, ['-e', launcher], {
    ...{ cwd: folder, env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const [line] = await once(child.stdout, 'data')
    const { node, next, port } = JSON.parse(String(line)) as Record<string, number>
    if (node === undefined || next === undefined) throw new Error('The function did not start.')
    const listeningAt = now()
    const headers = { authorization: `Bearer ${signToken('somebody')}`, 'x-matched-path': path }
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers })
    if (!answer.ok) throw new Error(`A new function answered ${answer.status}.`)
    await answer.text()
    const end = now()
    child.kill('SIGTERM')
    const [cpu] = await once(child.stdout, 'data')
    // It writes the compile cache as it ends.
    if (child.exitCode === null) await once(child, 'exit')
    return {
      total: end - startedAt,
      node: node - startedAt,
      next: next - node,
      answer: end - listeningAt,
      cpu: Number(cpu),
    }
  } finally {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
}
