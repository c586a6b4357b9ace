import { type ProblemCode, type ProblemType, problemTypes } from '#lib/http/errors'
import { problemTexts } from '#lib/http/problem-texts'
import { type HeaderName, headerComponents } from '#lib/http/response-headers'
import type { SuccessName } from '#lib/openapi/operations'

const exampleTask = {
  id: '4b8f9c0e-2f5d-4a57-9c1e-6f0c8a7d1b23',
  user_id: 'mYk2vA8qJ5tWzX1cR7bN4dL9sE3fG6hP',
  title: 'Buy milk',
  description: null,
  completed: false,
  is_completed: false,
  created_at: '2026-01-31T08:15:00.000Z',
  updated_at: '2026-01-31T08:15:00.000Z',
}

const onEvery = [
  'X-Request-Id',
  'Cache-Control',
  'RateLimit',
  'RateLimit-Policy',
  'Server-Timing',
] as const

function success(description: string, names: readonly HeaderName[], content?: object) {
  return { description, headers: headers([...onEvery, ...names]), ...content }
}

const task = json('Task', exampleTask)

/** What answers of 2xx and 3xx look like, by the names in the operations table. */
export function successes(
  listExample: (tasks: readonly object[]) => object,
): Record<SuccessName, object> {
  return {
    task: success('The task.', ['ETag'], task),
    created: success('The new task.', ['ETag', 'Location'], task),
    replayed: success(
      'The task that an earlier request with this `Idempotency-Key` created, as it is now.',
      ['ETag', 'Location', 'Idempotency-Replayed'],
      task,
    ),
    deleted: success('It is gone.', []),
    unchangedTask: success('You have its latest version. No body.', ['ETag']),
    list: success(
      'A page of your tasks.',
      ['ETag', 'Link'],
      json('TaskList', listExample([exampleTask])),
    ),
    unchangedList: success('You have this list. No body.', ['ETag', 'Link']),
  }
}

/** References to the errors that these codes stand for, one for each status. */
export function problemReferences(codes: readonly ProblemCode[]): Record<string, object> {
  return Object.fromEntries(
    groups(codes).map(([status, group]) => [
      status,
      { $ref: `#/components/responses/${nameOf(group)}` },
    ]),
  )
}

/** `components.responses`: the errors of all these lists of codes. */
export function problemComponents(lists: readonly (readonly ProblemCode[])[]) {
  return Object.fromEntries(
    lists.flatMap((codes) =>
      groups(codes).map(([status, group]) => [nameOf(group), problemOf(Number(status), group)]),
    ),
  )
}

/** Every answer of 4xx that the service may give wherever it is asked wrongly. */
export const anyClientError = {
  description: 'Any other method is a 405. The answer is a problem document, as for every error.',
  headers: headers(['X-Request-Id', 'Cache-Control', 'Server-Timing']),
  content: {
    'application/problem+json': {
      schema: { $ref: '#/components/schemas/Problem' },
      example: exampleProblem('method_not_allowed'),
    },
  },
}

function groups(codes: readonly ProblemCode[]): [string, ProblemCode[]][] {
  const sorted = [...new Set(codes)].sort()
  return Array.from(Map.groupBy(sorted, (code) => String(problemTypes[code].status)))
}

function nameOf(codes: readonly ProblemCode[]): string {
  return codes.join('-')
}

function problemOf(status: number, codes: readonly ProblemCode[]) {
  const extra: Record<number, HeaderName> = {
    401: 'WWW-Authenticate',
    429: 'Retry-After',
    503: 'Retry-After',
  }
  const named = extra[status]
  return {
    description: codes.map((code) => `\`${code}\`: ${problemTexts[code]}`).join('\n\n'),
    headers: headers([...onEvery, ...(named === undefined ? [] : [named])]),
    content: {
      'application/problem+json': {
        schema: {
          allOf: [
            { $ref: '#/components/schemas/Problem' },
            { properties: { status: { const: status }, code: { enum: codes } } },
          ],
        },
        examples: Object.fromEntries(codes.map((code) => [code, { value: exampleProblem(code) }])),
      },
    },
  }
}

function exampleProblem(code: ProblemCode): object {
  const { status, title, type = `/docs/errors#${code}` }: ProblemType = problemTypes[code]
  const detail = status === 422 ? 'title is required.' : `${title}.`
  const issue = { pointer: '/title', code: 'required', detail }
  return {
    ...{ type, title, status, detail, code, message: detail },
    instance: headerComponents['X-Request-Id'].example,
    ...(code === 'validation_failed' && { errors: [issue] }),
  }
}

function json(schema: string, example: object) {
  const content = { schema: { $ref: `#/components/schemas/${schema}` }, example }
  return { content: { 'application/json': content } }
}

function headers(names: readonly HeaderName[]) {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}
