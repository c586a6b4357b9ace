import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { outputOf, startChild } from '#tests/support/child'
import { atEnd } from '#tests/support/databases'
import { password, postgresAt } from '#tests/support/postgres'
import { freePort } from '#tests/support/service'

const { stdout } = spawnSync('pgbouncer', ['--version'], { encoding: 'utf8' })
const [version, release = ''] = /^PgBouncer 1\.(\d+)/.exec(stdout ?? '') ?? []
export const hasPgbouncer = version !== undefined
/** Whether it can bring named statements to each connection behind it. */
export const knowsNames = Number(release) >= 21

/**
 * Starts PgBouncer in transaction mode, with a few connections to the Postgres behind it.
 *
 * @param names of how many statements each of those knows, where it `knowsNames`
 */
export async function startPgbouncer(postgresPort: number, poolSize: number, names = 0) {
  const folder = mkdtempSync(join(tmpdir(), 'todo-pgbouncer-'))
  chmodSync(folder, 0o755)
  const port = await freePort()
  const settings = `[databases]
* = host=127.0.0.1 port=${postgresPort} user=postgres password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 300
server_login_retry = 1
${knowsNames ? `max_prepared_statements = ${names}` : ''}
`
  const file = join(folder, 'pgbouncer.ini')
  writeFileSync(file, settings)
  // It refuses to run as root.
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const child = startChild('pgbouncer', [...user, file], { stdio: ['ignore', 'pipe', 'pipe'] })
  const output = outputOf(child)
  const ended = once(child, 'exit')
  atEnd(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', () => output().includes('process up') && resolve())
    child.once('exit', () => reject(new Error(`PgBouncer did not start:\n${output()}`)))
  })
  return postgresAt(port)
}
