import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'

test.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)(
  'whatever a run has started ends with it, when it is ended by %s',
  async (signal) => {
    const run = spawn(process.execPath, ['tests/process/child-of-a-run.ts'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(run.stdout, 'data')
    const started = String(line).trim().split(' ').map(Number)
    expect(started).toHaveLength(2)
    expect(started.filter(isRunning)).toEqual(started)
    run.kill(signal)
    await expect.poll(() => started.filter(isRunning)).toEqual([])
  },
)

/** Whether a process goes on. One that has ended keeps its number until somebody asks how it ended. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return /^[^Z]/.test(stdout.trim())
}
