import type { VersionCondition } from '#db/tasks/task-row'
import { conditionHeaders, readVersions } from '#lib/http/entity-tags'
import { jsonBody, optionalJsonBody } from '#lib/http/inputs'
import type { AnswerDescription, ContractSettings, Input, Operation } from '#lib/http/operation'
import { body, taskList, writtenCompletion } from '#lib/tasks/answer-schemas'
import { taskNotFound, taskShape } from '#lib/tasks/answers'
import { idempotencyKey } from '#lib/tasks/idempotency'
import { pageRequest } from '#lib/tasks/list-page'
import { taskSchemas } from '#lib/tasks/schemas'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** The id of the task in the path. Anything but an id is a 404, like a task that does not exist. */
const taskId: Input<string> = {
  read({ params: { id } }) {
    if (typeof id !== 'string' || !uuid.test(id)) throw taskNotFound()
    return id
  },
  problems: ['task_not_found'],
  parameters: [
    {
      name: 'id',
      in: 'path',
      required: true,
      description: 'The id of a task. What is no UUID names no task and is a 404.',
      schema: { type: 'string', format: 'uuid' },
      example: '4b8f9c0e-2f5d-4a57-9c1e-6f0c8a7d1b23',
    },
  ],
}

/** The versions of the task that the request names in `If-Match` and `If-None-Match`. */
const taskConditions: Input<VersionCondition> = {
  read: ({ request }) => readVersions(request, taskShape()),
  problems: ['malformed_header', 'precondition_failed'],
  parameters: conditionHeaders,
}

const task: AnswerDescription = { description: 'The task.', headers: ['ETag'], body }

export const listTasks = {
  id: 'listTasks',
  tag: 'Tasks',
  summary: 'List your tasks',
  description:
    'Newest first, unless you ask for another order. Where more tasks follow, `Link` has the address of the next page; a task that nobody renames meanwhile is on exactly one page. Parameters that are not listed here are ignored.',
  inputs: { page: pageRequest },
  answers: {
    200: { description: 'A page of your tasks.', headers: ['ETag', 'Link'], body: taskList },
    304: { description: 'You have this list. No body.', headers: ['ETag', 'Link'] },
  },
} as const satisfies Operation

export const createTask = {
  id: 'createTask',
  tag: 'Tasks',
  summary: 'Create a task',
  description:
    'With an `Idempotency-Key` you can send the request again when its answer was lost: however often it arrives, one task is created, and the repetitions get it with status 200 and `Idempotency-Replayed: true`. That lasts as long as the task: once it is deleted, the key makes a new one.',
  inputs: {
    content: jsonBody(
      'NewTask',
      (settings) => taskSchemas[settings.COMPLETION_FIELD].newTask,
      (settings) => {
        const all = { title: 'Buy milk', description: 'Two bottles' }
        return {
          short: { summary: 'A title', value: { title: 'Buy milk' } },
          full: { summary: 'All fields', value: { ...all, ...writtenCompletion(settings, false) } },
        }
      },
    ),
    key: idempotencyKey,
  },
  answers: {
    201: { description: 'The new task.', headers: ['ETag', 'Location'], body },
    200: {
      description:
        'The task that an earlier request with this `Idempotency-Key` created, as it is now.',
      headers: ['ETag', 'Location', 'Idempotency-Replayed'],
      body,
    },
  },
} as const satisfies Operation

export const getTask = {
  id: 'getTask',
  tag: 'Tasks',
  summary: 'Read a task',
  description: 'With `If-None-Match` the answer is an empty 304 while you have its latest version.',
  inputs: { id: taskId, conditions: taskConditions },
  answers: {
    200: task,
    304: { description: 'You have its latest version. No body.', headers: ['ETag'] },
  },
} as const satisfies Operation

export const updateTask = {
  id: 'updateTask',
  tag: 'Tasks',
  summary: 'Change a task',
  description:
    'The fields that you send change, the others stay as they are. `{}` changes nothing. With `If-Match` it happens only if the task is still in that version.',
  inputs: {
    id: taskId,
    conditions: taskConditions,
    changes: jsonBody(
      'TaskPatch',
      (settings) => taskSchemas[settings.COMPLETION_FIELD].taskPatch,
      (settings) => ({
        rename: { summary: 'Change the title', value: { title: 'Buy oat milk' } },
        clear: { summary: 'Clear the description', value: { description: null } },
        complete: { summary: 'Complete it', value: writtenCompletion(settings, true) },
      }),
    ),
  },
  answers: { 200: task },
} as const satisfies Operation

export const putTask = {
  ...updateTask,
  id: 'putTask',
  summary: 'Change a task (the same as PATCH)',
} as const satisfies Operation

export const deleteTask = {
  id: 'deleteTask',
  tag: 'Tasks',
  summary: 'Delete a task',
  description:
    'For good. Deleting it again is a 404. A create that repeats its `Idempotency-Key` makes it anew.',
  inputs: { id: taskId, conditions: taskConditions },
  answers: ({ DELETE_ANSWER }: ContractSettings) =>
    DELETE_ANSWER === 'task'
      ? { 200: { description: 'The task that is gone.', body } }
      : { 204: { description: 'It is gone.' } },
} as const satisfies Operation

export const completeTask = {
  id: 'completeTask',
  tag: 'Tasks',
  summary: 'Complete a task, or take that back',
  description:
    'Without a body it flips. With `{"completed": true}` it sets, so that a request that is sent twice cannot flip it back.',
  inputs: {
    id: taskId,
    conditions: taskConditions,
    completion: optionalJsonBody(
      'TaskCompletion',
      (settings) => taskSchemas[settings.COMPLETION_FIELD].taskCompletion,
      (settings) => ({
        set: { summary: 'Set it, whatever it is now', value: writtenCompletion(settings, true) },
      }),
    ),
  },
  answers: { 200: task },
} as const satisfies Operation

export const toggleTask = {
  ...completeTask,
  id: 'toggleTask',
  summary: 'Another name for complete',
  description: 'The same as `complete`, for frontends that call it so.',
} as const satisfies Operation
