import { fetchToken } from '@/lib/token'

const baseUrl = process.env.NEXT_PUBLIC_API_URL ?? 'http://localhost:8000'
const attempts = 3

export interface Task {
  id: string
  user_id: string
  title: string
  description: string | null
  /** `is_completed` is always the same, and you may write either. */
  completed: boolean
  is_completed: boolean
  created_at: string
  updated_at: string
}

export interface TaskInput {
  title: string
  description?: string | null
  completed?: boolean
}

export interface TaskFilter {
  search?: string
  status?: 'all' | 'pending' | 'completed'
  sort?: 'created' | 'title'
  order?: 'asc' | 'desc'
  /** How many tasks a page has at most: 1 to 1,000. */
  limit?: number
}

export interface TaskPage {
  tasks: Task[]
  /** Give it to `listTasks` for the page after this one. Undefined on the last. */
  next?: string
}

interface Problem {
  detail?: string
  code?: string
  errors?: { pointer?: string; code: string; detail: string }[]
}

/** An answer of 400 and up. `message` is a sentence that you can show. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  /** Stable: decide by it, not by the text. */
  readonly code: string
  /** Quote it in a bug report: the log of the service has it. */
  readonly requestId: string | null
  /** For a 422: show each at the field that its `pointer` names. */
  readonly errors: Problem['errors']

  constructor(response: Response, problem: Problem) {
    super(problem.detail ?? `The service answered ${response.status}.`)
    this.status = response.status
    this.code = problem.code ?? 'unknown'
    this.requestId = response.headers.get('x-request-id')
    this.errors = problem.errors
  }
}

/** @param query a filter, or the `next` of the page before */
export async function listTasks(query: TaskFilter | string = {}): Promise<TaskPage> {
  const parameters = new URLSearchParams(
    typeof query === 'string'
      ? query
      : Object.entries(query).map(([name, value]) => [name, String(value)]),
  )
  const response = await send('GET', `/api/tasks?${parameters}`)
  const [, link] = /<([^>]*)>; rel="next"/.exec(response.headers.get('link') ?? '') ?? []
  return {
    tasks: await response.json(),
    // The link is relative to the request.
    ...(link !== undefined && { next: new URL(link, response.url).search }),
  }
}

/** Creates one task, however often the request is sent on the way. */
export async function createTask(input: TaskInput): Promise<Task> {
  const headers = { 'idempotency-key': crypto.randomUUID() }
  return await (await send('POST', '/api/tasks', input, headers)).json()
}

/** Returns the version too, for `updateTask`. */
export async function readTask(id: string): Promise<{ task: Task; etag: string | null }> {
  const response = await send('GET', `/api/tasks/${id}`)
  return { task: await response.json(), etag: response.headers.get('etag') }
}

/** With an `etag`, it fails with a 412 where somebody has changed the task since. */
export async function updateTask(
  id: string,
  changes: Partial<TaskInput>,
  etag: string | null = null,
): Promise<Task> {
  const headers = etag === null ? {} : { 'if-match': etag }
  return await (await send('PUT', `/api/tasks/${id}`, changes, headers)).json()
}

/** Without a body this path flips, and a repeated request would flip back. */
export async function setCompleted(id: string, completed: boolean): Promise<Task> {
  return await (await send('PATCH', `/api/tasks/${id}/complete`, { completed })).json()
}

/** A 404 is a success: the task is gone, and the answer to a first try may be lost. */
export async function deleteTask(id: string): Promise<void> {
  await send('DELETE', `/api/tasks/${id}`).catch((error) => {
    if (!(error instanceof ApiError && error.status === 404)) throw error
  })
}

let token: Promise<string | undefined> | undefined

/** Call it when somebody signs in or out. */
export function forgetToken(): void {
  token = undefined
}

function currentToken(): Promise<string | undefined> {
  token ??= fetchToken()
  token.catch(forgetToken)
  return token
}

/** The user that a JWT names. A session token names none. */
function userOf(token: string | undefined): unknown {
  const [, payload = '', signature] = token?.split('.') ?? []
  if (signature === undefined) return undefined
  return JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))).sub
}

/**
 * Repeats a request after a 401, a 429, a 503 and no answer. All requests above allow that. It is not
 * repeated for somebody else, who has signed in meanwhile, perhaps in another tab.
 */
async function send(method: string, path: string, body?: unknown, headers = {}): Promise<Response> {
  let bearer = await currentToken()
  const user = userOf(bearer)
  for (let attempt = 1; ; attempt += 1) {
    const response = await sendOnce(bearer, method, path, body, headers)
    if (response?.ok === true) return response
    const isRefused = response?.status === 401 && attempt === 1
    const mayPass = isRefused || [undefined, 429, 503].includes(response?.status)
    if (!mayPass || attempt === attempts) throw await toError(response)
    if (isRefused) forgetToken()
    else {
      const seconds = Number(response?.headers.get('retry-after') ?? 0) || 2 ** (attempt - 1)
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
    }
    bearer = await currentToken()
    if (userOf(bearer) !== user) throw await toError(response)
  }
}

async function toError(response: Response | undefined): Promise<Error> {
  if (response === undefined) return new TypeError('The service cannot be reached.')
  return new ApiError(response, await response.json().catch(() => ({})))
}

/** @returns undefined where there was no answer */
async function sendOnce(
  bearer: string | undefined,
  method: string,
  path: string,
  body: unknown,
  headers: object,
) {
  return await fetch(baseUrl + path, {
    method,
    headers: {
      ...headers,
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    // Sends the session cookie only where there is no token.
    credentials: bearer === undefined ? 'include' : 'omit',
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).catch(() => undefined)
}
