import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'

test.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)(
  'whatever a run has started ends with it, when it is ended by %s',
  async (signal) => {
    const run = spawn(process.execPath, ['tests/support/child-of-a-run.ts'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(run.stdout, 'data')
    const started = String(line).trim().split(' ').map(Number)
    expect(started).toHaveLength(2)
    expect(started.filter(isRunning)).toEqual(started)
    run.kill(signal)
    await expect.poll(() => started.filter(isRunning), { timeout: 5000 }).toEqual([])
  },
)

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    // There is no such process any more.
    return false
  }
}
