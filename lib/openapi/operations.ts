import type { ProblemCode } from '#lib/http/errors'

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'

/** Answers of 2xx and 3xx, which `responses.ts` describes. */
export type SuccessName =
  | 'task'
  | 'created'
  | 'replayed'
  | 'deleted'
  | 'unchangedTask'
  | 'list'
  | 'unchangedList'

/** One operation on tasks; `document.ts` lists it under every path that serves it. */
export interface Operation {
  readonly id: string
  readonly method: Method
  /** Below the path of the list. */
  readonly path: '' | '/{id}' | '/{id}/complete' | '/{id}/toggle'
  readonly summary: string
  readonly description: string
  readonly query?: 'ListTasksQuery'
  readonly headers: readonly ('If-Match' | 'If-None-Match' | 'Idempotency-Key')[]
  readonly body?: { readonly schema: string; readonly required: boolean; readonly examples: object }
  readonly successes: Readonly<Record<number, SuccessName>>
  readonly problems: readonly ProblemCode[]
}

const bodyProblems = ['malformed_json', 'body_too_large', 'unsupported_media_type'] as const
const onTask = ['task_not_found', 'malformed_header', 'precondition_failed'] as const

const update = {
  path: '/{id}',
  description:
    'The fields that you send change, the others stay as they are. `{}` changes nothing. With `If-Match` it happens only if the task is still in that version.',
  headers: ['If-Match', 'If-None-Match'],
  body: {
    schema: 'TaskPatch',
    required: true,
    examples: {
      rename: { summary: 'Change the title', value: { title: 'Buy oat milk' } },
      clear: { summary: 'Clear the description', value: { description: null } },
      complete: { summary: 'Complete it', value: { completed: true } },
    },
  },
  successes: { 200: 'task' },
  problems: [...bodyProblems, ...onTask, 'validation_failed'],
} as const

const completion = {
  method: 'patch',
  headers: ['If-Match', 'If-None-Match'],
  body: {
    schema: 'TaskCompletion',
    required: false,
    examples: { set: { summary: 'Set it, whatever it is now', value: { completed: true } } },
  },
  successes: { 200: 'task' },
  problems: [...bodyProblems, ...onTask, 'validation_failed'],
} as const

/** Every operation on tasks. A route file that serves another fails a test. */
export const operations: readonly Operation[] = [
  {
    id: 'listTasks',
    method: 'get',
    path: '',
    summary: 'List your tasks',
    description:
      'Newest first, unless you ask for another order. Where more tasks follow, `Link` has the address of the next page; a task that nobody renames meanwhile is on exactly one page. Parameters that are not listed here are ignored.',
    query: 'ListTasksQuery',
    headers: ['If-Match', 'If-None-Match'],
    successes: { 200: 'list', 304: 'unchangedList' },
    problems: ['malformed_header', 'precondition_failed', 'validation_failed'],
  },
  {
    id: 'createTask',
    method: 'post',
    path: '',
    summary: 'Create a task',
    description:
      'With an `Idempotency-Key` you can send the request again when its answer was lost: however often it arrives, one task is created, and the repetitions get it with status 200 and `Idempotency-Replayed: true`.',
    headers: ['Idempotency-Key'],
    body: {
      schema: 'NewTask',
      required: true,
      examples: {
        short: { summary: 'A title', value: { title: 'Buy milk' } },
        full: {
          summary: 'All fields',
          value: { title: 'Buy milk', description: 'Two bottles', completed: false },
        },
      },
    },
    successes: { 201: 'created', 200: 'replayed' },
    problems: [...bodyProblems, 'malformed_header', 'validation_failed', 'idempotency_key_reused'],
  },
  {
    id: 'getTask',
    method: 'get',
    path: '/{id}',
    summary: 'Read a task',
    description:
      'With `If-None-Match` the answer is an empty 304 while you have its latest version.',
    headers: ['If-Match', 'If-None-Match'],
    successes: { 200: 'task', 304: 'unchangedTask' },
    problems: onTask,
  },
  { ...update, id: 'updateTask', method: 'patch', summary: 'Change a task' },
  { ...update, id: 'putTask', method: 'put', summary: 'Change a task (the same as PATCH)' },
  {
    id: 'deleteTask',
    method: 'delete',
    path: '/{id}',
    summary: 'Delete a task',
    description: 'For good. Deleting it again is a 404.',
    headers: ['If-Match', 'If-None-Match'],
    successes: { 204: 'deleted' },
    problems: onTask,
  },
  {
    ...completion,
    id: 'completeTask',
    path: '/{id}/complete',
    summary: 'Complete a task, or take that back',
    description:
      'Without a body it flips. With `{"completed": true}` it sets, so that a request that is sent twice cannot flip it back.',
  },
  {
    ...completion,
    id: 'toggleTask',
    path: '/{id}/toggle',
    summary: 'Another name for complete',
    description: 'The same as `complete`, for frontends that call it so.',
  },
]
