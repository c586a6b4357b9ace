import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Target } from '#bench/servers'
import { freePort } from '#tests/support/service'

export interface RunningServer {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

/** Starts a server on these cores and waits until it answers. @throws with all that it printed */
export async function startServer(target: Target, cores?: string): Promise<RunningServer> {
  const port = String(await freePort())
  const command = target.command.map((part) => (part === '$PORT' ? port : part))
  const pinned = cores === undefined ? command : ['taskset', '-c', cores, ...command]
  const [program = '', ...parameters] = pinned
  const { PATH = '', HOME = '' } = process.env
  const usual = { PATH, HOME, NODE_ENV: 'production' as const, NEXT_TELEMETRY_DISABLED: '1' }
  const child = spawn(program, parameters, {
    cwd: target.folder,
    env: { ...usual, ...target.env, PORT: port },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  child.on('error', ({ message }) => {
    printed += message
  })
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      printed += chunk
    })
  }
  // Whatever ends the benchmark must not leave a server behind.
  const killIt = () => child.kill('SIGKILL')
  process.once('exit', killIt)
  const url = `http://127.0.0.1:${port}`
  const isUp = await answers(`${url}/api/tasks`, () => child.exitCode === null)
  if (!isUp || child.pid === undefined) {
    killIt()
    throw new Error(`${target.name} did not come up:\n${printed}`)
  }
  return {
    url,
    pid: child.pid,
    async stop() {
      process.off('exit', killIt)
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      const patience = setTimeout(killIt, 10_000)
      await ended
      clearTimeout(patience)
    },
  }
}

/** Whether it answers anything at all before it ends, or half a minute is over. */
async function answers(url: string, isRunning: () => boolean): Promise<boolean> {
  for (let waited = 0; waited < 30_000 && isRunning(); waited += 50) {
    const isUp = await fetch(url).then(
      () => true,
      () => false,
    )
    if (isUp) return true
    await sleep(50)
  }
  return false
}
