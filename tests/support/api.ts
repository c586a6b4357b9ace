import { expect, inject } from 'vitest'
import { checkAgainstDocument } from '#tests/support/check-document'
import { type Answer, type CallOptions, request } from '#tests/support/send'
import { shared } from '#tests/support/shared'

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

/** An answer of the service under test; `problem` also checks that it is an error. */
export interface CheckedAnswer extends Answer<Task> {
  readonly problem: ProblemDocument
}

/** Sends a request to the service under test and checks what every response must have. */
export async function call(
  method: string,
  path: string,
  options: CallOptions = {},
): Promise<CheckedAnswer> {
  const url = (process.env['API_URL'] ?? (await shared(inject('service')))) + path
  const answer = await request<Task>(url, method, options)
  checkEveryResponse(answer)
  checkAgainstDocument(method, path, answer)
  return {
    ...answer,
    get problem() {
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
      return answer.json<ProblemDocument>()
    },
  }
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
