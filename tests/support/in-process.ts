import { vi } from 'vitest'
import { request } from '#tests/support/send'

export type Environment = Record<string, string | undefined>

/** The service in this process, as its variables configure it. */
export interface ServiceHere {
  readonly ask: typeof askHere
  readonly send: typeof sendHere
  /** What it has written to its log as a warning or an error. */
  readonly logged: readonly unknown[]
}

let closeLast = async () => {}

/** Ends the service in this process, if there is one. */
export async function closeHere(): Promise<void> {
  const close = closeLast
  closeLast = async () => {}
  await close()
}

/** Answers a request as Node's host does, with the modules that are there or, else, are loaded now. */
export async function askHere(path: string, init?: RequestInit): Promise<Response> {
  const { handle } = await import('#server/handle')
  const url = new URL(path, 'http://service')
  return await handle(new Request(url, init), url)
}

/** The same, with a body as JSON. */
async function sendHere(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: object,
) {
  const { status, text } = await request(path, method, { headers, body }, askHere)
  return { status, text, body: text === '' ? undefined : JSON.parse(text) }
}

/** Makes every module fresh, to be imported with these variables. */
export async function takeEnvironment(env: Environment): Promise<void> {
  await closeHere()
  vi.unstubAllEnvs()
  vi.resetModules()
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
}

/** Starts the service in this process, in place of the one before: a process has room for one. */
export async function startHere(env: Environment): Promise<ServiceHere> {
  await takeEnvironment(env)
  const logged: unknown[] = []
  const { log } = await import('#lib/log')
  for (const level of ['warn', 'error'] as const) {
    vi.spyOn(log(), level).mockImplementation((line) => void logged.push(line))
  }
  const { start, stop } = await import('#lib/service/start')
  await start()
  closeLast = stop
  return { logged, ask: askHere, send: sendHere }
}

/** Migrates a database as the service with these variables would. */
export async function migrateHere(env: Environment): Promise<void> {
  await takeEnvironment(env)
  const { openFromEnvironment } = await import('#lib/service/database')
  const database = await openFromEnvironment(false)
  await database.makeReady().finally(() => database.close())
}
