import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { killGroup, outputOf, startChild, usual } from '#tests/support/child'
import { testSecret } from '#tests/support/tokens'
import { deployment } from '#tests/support/vercel-build'

export type Host = 'next' | 'node' | 'next dev' | 'vercel'

declare module 'vitest' {
  interface ProvidedContext {
    /** The host of a project that runs on one. */
    host: Host
  }
}

export interface Service {
  readonly url: string
  [Symbol.asyncDispose](): Promise<void>
  readonly process: ChildProcess
  /** All that it has printed so far. */
  output(): string
  /** The exit code, once the process has ended, however late: see `endOf`. */
  readonly ended: Promise<number | null>
  /** Sends a signal and waits for the end, as `endOf` does. @returns the exit code */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Before the limit of a test, so that a service that hangs shows what it has printed. */
const [startMs, endMs] = [240_000, 240_000]

/** The exit code of a service that ends by itself, or an error where it does not. */
export async function endOf({ ended, output }: Pick<Service, 'ended' | 'output'>) {
  const late = sleep(endMs, undefined, { ref: false }).then(() => {
    throw new Error(`The service was not over within ${endMs} ms:\n${output()}`)
  })
  return await Promise.race([ended, late])
}

const commands: Record<Host, string[]> = {
  'next dev': ['scripts/next.ts', 'dev'],
  // Next reads PORT from the environment alone, not from `.env`.
  next: ['node_modules/next/dist/bin/next', 'start'],
  node: ['server/main.js'],
  vercel: ['tests/support/launch-on-vercel.ts', deployment],
}

/** What the platform itself sets, and what keeps Next from the network. */
const settings: Partial<Record<Host, Record<string, string>>> = {
  next: { NEXT_TELEMETRY_DISABLED: '1' },
  vercel: { VERCEL: '1', VERCEL_ENV: 'production', VERCEL_REGION: 'iad1' },
}

/**
 * Starts the service as a user would, on `PORT` or a free one, and waits until it answers.
 *
 * @param folder what is started, by default what the files of this run share (`folderOf`)
 */
export async function startService(
  host: Host,
  env: Record<string, string>,
  folder?: string,
): Promise<Service> {
  const { folderOf } = await import('#tests/support/shared')
  const port = env['PORT'] ?? String(await freePort())
  const service = launch(host, { ...env, PORT: port }, folder ?? (await folderOf(host)))
  const url = `http://127.0.0.1:${port}`
  const end = performance.now() + startMs
  while (performance.now() < end && service.process.exitCode === null) {
    const isUp = await fetch(`${url}/health`).then(
      (response) => response.ok,
      () => false,
    )
    if (isUp) return { url, ...service }
    await sleep(50)
  }
  await service.stop('SIGKILL')
  throw new Error(`The service did not come up:\n${service.output()}`)
}

/**
 * Starts the service without waiting, with nothing in its environment but what the tests have in
 * common and what is given: undefined takes a variable out. Its env files are those of `folder`.
 */
export function launch(
  host: Host,
  env: Record<string, string | undefined>,
  folder = '.',
): Omit<Service, 'url'> {
  const [script = '', ...parameters] = commands[host]
  const copy = join(folder, script)
  const program = existsSync(copy) ? resolve(copy) : resolve(script)
  const child = startChild(process.execPath, [program, ...parameters], {
    cwd: folder,
    env: {
      ...usual,
      NODE_ENV: 'production',
      LOG_LEVEL: 'warn',
      RATE_LIMIT: '100000/60',
      BETTER_AUTH_SECRET: testSecret,
      BETTER_AUTH_URL: 'http://127.0.0.1:9',
      ...settings[host],
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close').then(() => child.exitCode)
  const output = outputOf(child)
  return {
    process: child,
    output,
    ended,
    stop(signal = 'SIGTERM') {
      if (signal === 'SIGKILL') killGroup(child)
      else child.kill(signal)
      return endOf({ ended, output })
    },
    async [Symbol.asyncDispose]() {
      await this.stop('SIGKILL')
    },
  }
}

/** A port that nothing listens on. */
export async function freePort(wanted = 0): Promise<number> {
  await using server = createServer()
  // At all addresses of the machine.
  return await listen(server, wanted, '')
}

/** Has a server listen, on a free port unless one is wanted. @returns the port */
export async function listen(server: Server, wanted = 0, host = '127.0.0.1'): Promise<number> {
  server.listen(wanted, host)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
