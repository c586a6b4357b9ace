import { runSql } from '#tests/support/postgres'
import { tokenFor } from '#tests/support/tokens'

export interface Sent {
  readonly status: number
  readonly text: string
  readonly headers: Headers
  readonly durationMs: number
  json(): Record<string, unknown>
}

/** Sends a request to a service that a test has started itself. */
export async function send(
  url: string,
  method: string,
  path: string,
  as?: string,
  body?: unknown,
  further: Record<string, string> = {},
): Promise<Sent> {
  const headers: Record<string, string> = { 'content-type': 'application/json', ...further }
  if (as !== undefined) headers['authorization'] = `Bearer ${await tokenFor(as)}`
  const startedAt = performance.now()
  const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
  const response = await fetch(url + path, init)
  const text = await response.text()
  return {
    status: response.status,
    text,
    headers: response.headers,
    durationMs: performance.now() - startedAt,
    json: () => JSON.parse(text),
  }
}

/** Creates a task by a service that a test has started itself, and returns its id. */
export async function createBy(url: string, as: string, title = 'Buy milk'): Promise<string> {
  const sent = await send(url, 'POST', '/api/tasks', as, { title })
  if (sent.status !== 201) throw new Error(`No task was created: ${sent.status} ${sent.text}`)
  return String(sent.json()['id'])
}

/** The same, with 1 for the version that it starts at, which is otherwise any number. */
export async function createAtOne(url: string, databaseUrl: string, as: string): Promise<string> {
  const id = await createBy(url, as)
  await runSql(databaseUrl, `update tasks set version = 1 where id = '${id}'`)
  return id
}
