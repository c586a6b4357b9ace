import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { secret, signToken } from '#bench/data'
import { median } from '#bench/measure'
import { startPostgres } from '#bench/postgres'
import { versionOf } from '#bench/servers'
import { figure, toTable, whole } from '#bench/tables'
import { buildNext } from '#tests/support/build'
import { builtFunctions, copyElsewhere, serverFiles } from '#tests/support/functions'

/** Prints how long the module named in its argument takes to come up with all that it imports. */
const importIt = `const startedAt = performance.now()
Promise.resolve(require(process.argv[1])).then(() => console.log(performance.now() - startedAt))`
const launcher = resolve('tests/support/launch-function.ts')
const environment = {
  NODE_ENV: 'production' as const,
  BETTER_AUTH_SECRET: secret,
  LOG_LEVEL: 'error',
}

/**
 * Measures, in a new process each time, what a request waits for where no function is awake: the
 * import of each route from its traced files alone, and the whole start up to the first list.
 */
export async function coldStart(rounds: number): Promise<{ measured: string; versions: string }> {
  await buildNext()
  const postgres = await startPostgres(false)
  try {
    execFileSync(process.execPath, ['scripts/migrate.ts'], {
      env: { ...process.env, ...environment, DATABASE_URL: postgres.url },
    })
    const tables = [await importTable(rounds), await startTable(rounds, postgres.url)]
    return {
      measured: [`Medians of ${rounds} new processes.`, ...tables].join('\n\n'),
      versions: `Node ${process.versions.node}, Next ${versionOf('next')}, Postgres ${postgres.version}`,
    }
  } finally {
    await postgres.stop()
  }
}

async function importTable(rounds: number): Promise<string> {
  const rows: string[][] = []
  for (const { module, files, bytes } of builtFunctions()) {
    const name = module.replace(/^\.next\/server\/(.*)\.js$/, '`$1`')
    const times = await measure(rounds, files, (folder, env) =>
      Number(
        execFileSync(process.execPath, ['-e', importIt, join(folder, module)], {
          env: { ...environment, ...env },
          encoding: 'utf8',
        }),
      ),
    )
    rows.push([name, whole(files.length), whole(bytes / 1024), ...times])
  }
  return toTable(['function', 'files', 'KiB', 'import, ms', 'with compile cache'], rows)
}

async function startTable(rounds: number, databaseUrl: string): Promise<string> {
  const own = builtFunctions().filter(({ module }) =>
    /\/(app\/api\/tasks\/route|instrumentation)\.js$/.test(module),
  )
  const files = [...serverFiles(), ...own.flatMap((part) => part.files)]
  const times = await measure(rounds, files, (folder, env) =>
    timeToFirstList(folder, { ...environment, ...env, DATABASE_URL: databaseUrl }),
  )
  const head = ['a whole start', 'ms', 'with compile cache']
  return toTable(head, [['process, Next’s server, `instrumentation`, first list', ...times]])
}

async function timeToFirstList(folder: string, env: NodeJS.ProcessEnv): Promise<number> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [launcher], {
    ...{ cwd: folder, env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const [url] = await once(child.stdout, 'data')
    const headers = { authorization: `Bearer ${signToken('somebody')}` }
    const answer = await fetch(`${String(url).trim()}/api/tasks`, { headers })
    if (!answer.ok) throw new Error(`A new function answered ${answer.status}.`)
    await answer.text()
    return performance.now() - startedAt
  } finally {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
}

/** The median without and with a compile cache, each after a run that fills caches. */
async function measure(
  rounds: number,
  files: readonly string[],
  run: (folder: string, env: Record<string, string>) => number | Promise<number>,
): Promise<string[]> {
  const folder = copyElsewhere(files)
  try {
    const medians: string[] = []
    for (const env of [{}, { NODE_COMPILE_CACHE: join(folder, 'compile-cache') }]) {
      await run(folder, env)
      const times: number[] = []
      for (let round = 0; round < rounds; round += 1) times.push(await run(folder, env))
      medians.push(figure(median(times)))
    }
    return medians
  } finally {
    rmSync(folder, { recursive: true })
  }
}
