import { expect, inject } from 'vitest'
import { checkAgainstDocument } from '#tests/support/check-document'
import { shared } from '#tests/support/shared'
import { tokenFor } from '#tests/support/tokens'

export interface CallOptions {
  /** The user whose token is sent. */
  readonly as?: string
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as it is. */
  readonly raw?: BodyInit
  readonly headers?: Record<string, string>
}

export interface Task {
  id: string
  user_id: string
  title: string
  description: string | null
  completed: boolean
  is_completed: boolean
  created_at: string
  updated_at: string
}

export interface ProblemDocument {
  type: string
  title: string
  status: number
  detail: string
  code: string
  message: string
  instance: string
  errors?: { pointer?: string; parameter?: string; header?: string; code: string; detail: string }[]
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as what the test expects it to be; `problem` checks for an error. */
  json<T = Task>(): T
  readonly problem: ProblemDocument
}

/** Sends a request to the service under test and checks what every response must have. */
export async function call(method: string, path: string, options: CallOptions = {}) {
  const headers = new Headers(options.headers)
  if (options.as !== undefined) headers.set('authorization', `Bearer ${await tokenFor(options.as)}`)
  let body = options.raw
  if ('body' in options) {
    body = JSON.stringify(options.body)
    if (!headers.has('content-type')) headers.set('content-type', 'application/json')
  }
  const init: RequestInit & { duplex: 'half' } = {
    method,
    headers,
    redirect: 'manual',
    duplex: 'half',
  }
  const url = (process.env['API_URL'] ?? (await shared(inject('service')))) + path
  const response = await fetch(url, body === undefined ? init : { ...init, body })
  const answer = toAnswer(response, await response.text())
  checkEveryResponse(answer)
  checkAgainstDocument(method, path, answer)
  return answer
}

/** Creates a task and returns it. */
export async function createTask(as: string, body: unknown = { title: 'Buy milk' }): Promise<Task> {
  const answer = await call('POST', '/api/tasks', { as, body })
  expect(answer.status, answer.text).toBe(201)
  return answer.json()
}

/** Lists a user's tasks. */
export async function listTasks(as: string, query = ''): Promise<Task[]> {
  const answer = await call('GET', `/api/tasks${query}`, { as })
  expect(answer.status, answer.text).toBe(200)
  return answer.json<Task[]>()
}

function toAnswer(response: Response, text: string): Answer {
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: () => JSON.parse(text),
    get problem() {
      expect(response.headers.get('content-type')).toBe('application/problem+json')
      return JSON.parse(text)
    },
  }
}

function checkEveryResponse({ status, headers, text }: Answer): void {
  expect(headers.get('x-request-id')).toMatch(/^\S{1,128}$/)
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  expect(headers.get('referrer-policy')).toBe('no-referrer')
  expect(headers.get('x-powered-by')).toBeNull()
  expect(headers.get('vary')).toMatch(/\bOrigin\b/)
  if (status < 400 || text === '') return
  expect(headers.get('content-type')).toBe('application/problem+json')
  const problem: ProblemDocument = JSON.parse(text)
  expect(problem).toMatchObject({ status, instance: headers.get('x-request-id') })
  expect(problem.message).toBe(problem.detail)
  if (status !== 429) expect(problem.type).toBe(`/docs/errors#${problem.code}`)
}
