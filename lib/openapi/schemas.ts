import * as z from 'zod'
import { problemTypes } from '#lib/http/errors'
import type { Envelope } from '#lib/tasks/list-page'
import { NewTask, Task, TaskCompletion, TaskPatch } from '#lib/tasks/schemas'

const issuePlaces = {
  pointer: 'Where in the body it is: a JSON Pointer (RFC 6901).',
  parameter: 'The query parameter that it is about.',
  header: 'The header that it is about.',
}

const text = (description: string) => ({ type: 'string', description })

const problem = {
  type: 'object',
  description: 'An error (RFC 9457). Every answer of 400 and up is one.',
  properties: {
    type: {
      ...text('Where the error is explained: a path on this server.'),
      format: 'uri-reference',
    },
    title: text('What kind of error it is, the same for each of its kind.'),
    status: { type: 'integer', description: 'The HTTP status.', minimum: 400, maximum: 599 },
    detail: text('What is wrong with this request: a sentence that you can show.'),
    code: {
      ...text('The kind as a word that never changes. Decide by it.'),
      enum: Object.keys(problemTypes),
    },
    message: text('The same as `detail`.'),
    instance: text('The id of this request, as in `X-Request-Id`. Tell us when you ask for help.'),
    errors: {
      type: 'array',
      description: 'All that is wrong with the values, where the status is 422.',
      items: { $ref: '#/components/schemas/ValidationIssue' },
    },
  },
  required: ['type', 'title', 'status', 'detail', 'code', 'message', 'instance'],
}

const validationIssue = {
  type: 'object',
  description:
    'One value that is not allowed. One of `pointer`, `parameter` and `header` says where.',
  properties: {
    ...Object.fromEntries(Object.entries(issuePlaces).map(([name, says]) => [name, text(says)])),
    code: { ...text('What is wrong with it, as a word.'), examples: ['too_long', 'required'] },
    detail: text('What is wrong with it, as a sentence that you can show.'),
  },
  required: ['code', 'detail'],
}

/** `components.schemas`: bodies as the handlers' own zod schemas describe what they take. */
export function schemaComponents(envelope: Envelope): Record<string, object> {
  return {
    Task: toSchema(Task, 'output'),
    TaskList: listSchema(envelope),
    NewTask: toSchema(NewTask, 'input'),
    TaskPatch: toSchema(TaskPatch, 'input'),
    TaskCompletion: toSchema(TaskCompletion, 'input'),
    Problem: problem,
    ValidationIssue: validationIssue,
  }
}

function listSchema(envelope: Envelope): object {
  const tasks = { type: 'array', items: { $ref: '#/components/schemas/Task' } }
  if (envelope === 'array') return { ...tasks, description: 'A page of tasks.' }
  return {
    type: 'object',
    description: 'A page of tasks.',
    properties: {
      [envelope]: tasks,
      count: { type: 'integer', description: 'How many tasks this page has.' },
      total: { type: 'integer', description: 'How many tasks all pages have.' },
    },
    required: [envelope, 'count', 'total'],
  }
}

/** Without `$schema`, and open: a client must not fail on a field that comes later. */
function toSchema(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema, additionalProperties, ...rest } = z.toJSONSchema(schema, {
    io,
    // Generators of clients take a field with a default for one that must be sent.
    override: ({ jsonSchema }) => {
      delete jsonSchema.default
    },
  })
  return rest
}
