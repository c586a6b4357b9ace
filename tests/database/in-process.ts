import { askHere } from '#tests/support/in-process'
import { request } from '#tests/support/send'

/** Answers a request to `/api/tasks` in this process, from the database that `setDatabase` was given. */
export async function ask(
  as: string | undefined,
  method: string,
  path = '',
  body?: unknown,
  headers: Record<string, string> = {},
) {
  const options = { ...(as !== undefined && { as }), body, headers }
  return await request(`/api/tasks${path}`, method, options, askHere)
}

/** Creates a task, and returns its id. */
export async function create(as: string, title = 'Buy milk'): Promise<string> {
  const { status, text } = await ask(as, 'POST', '', { title })
  if (status !== 201) throw new Error(`No task was created: ${status} ${text}`)
  return String(JSON.parse(text).id)
}
