import { askHere } from '#tests/support/in-process'
import { tokenFor } from '#tests/support/tokens'

/** Answers a request to `/api/tasks` in this process, from the database that `setDatabase` was given. */
export async function ask(
  as: string | undefined,
  method: string,
  path = '',
  body?: unknown,
  headers: Record<string, string> = {},
) {
  const sent = new Headers({ 'content-type': 'application/json', ...headers })
  if (as !== undefined) sent.set('authorization', `Bearer ${await tokenFor(as)}`)
  const init = { method, headers: sent, ...(body !== undefined && { body: JSON.stringify(body) }) }
  const response = await askHere(`/api/tasks${path}`, init)
  const text = await response.text()
  return { status: response.status, headers: response.headers, text }
}

/** Creates a task, and returns its id. */
export async function create(as: string, title = 'Buy milk'): Promise<string> {
  const { status, text } = await ask(as, 'POST', '', { title })
  if (status !== 201) throw new Error(`No task was created: ${status} ${text}`)
  return String(JSON.parse(text).id)
}
