import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { onCores } from '#bench/cores'
import type { Server } from '#bench/servers'
import { freePort } from '#tests/support/service'

export interface RunningServer {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

/** Starts a server on these cores and waits until it answers. @throws with all that it printed */
export async function startServer(server: Server, cores?: string): Promise<RunningServer> {
  const port = String(await freePort())
  const command = server.command.map((part) => (part === '$PORT' ? port : part))
  const [program = '', ...parameters] = [...onCores(cores), ...command]
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(program, parameters, {
    cwd: server.folder,
    env: {
      ...{ PATH, HOME, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' },
      ...server.env,
      PORT: port,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const printed = collect(child)
  // Whatever ends the benchmark must not leave a server behind.
  const killIt = () => child.kill('SIGKILL')
  process.once('exit', killIt)
  const url = `http://127.0.0.1:${port}`
  const isUp = await answers(url + server.path, child)
  if (!isUp || child.pid === undefined) {
    killIt()
    throw new Error(`${server.name} did not come up:\n${printed.join('')}`)
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

function collect(child: ChildProcess): string[] {
  const printed: string[] = []
  child.on('error', ({ message }) => printed.push(message))
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      printed.push(String(chunk))
      if (printed.length > 100) printed.shift()
    })
  }
  return printed
}

async function answers(url: string, child: ChildProcess): Promise<boolean> {
  for (let waited = 0; waited < 30_000 && child.exitCode === null; waited += 50) {
    const isUp = await fetch(url).then(
      () => true,
      () => false,
    )
    if (isUp) return true
    await sleep(50)
  }
  return false
}
