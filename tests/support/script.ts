import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { usual } from '#tests/support/child'
import type { Environment } from '#tests/support/in-process'
import packageJson from '../../package.json' with { type: 'json' }

/** A script of `package.json` that Node runs. */
type ScriptName = 'db:adopt' | 'db:migrate' | 'doctor' | 'token'

/** Starts a script with these variables and no others, and with the env files of a folder. */
export function startScript(
  name: ScriptName,
  env: Environment,
  parameters: readonly string[],
  folder = '.',
) {
  const script = packageJson.scripts[name].split(' ').at(-1) ?? ''
  const child = spawn(process.execPath, [resolve(script), ...parameters], {
    cwd: folder,
    env: { ...usual, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const all = [once(child, 'close'), text(child.stdout), text(child.stderr)] as const
  const ended = Promise.all(all).then(([, stdout, stderr]) => ({
    code: child.exitCode,
    stdout,
    stderr,
    output: stdout + stderr,
  }))
  return { process: child, ended }
}

/** Runs a script to its end. */
export async function runScript(...asked: Parameters<typeof startScript>) {
  return await startScript(...asked).ended
}
