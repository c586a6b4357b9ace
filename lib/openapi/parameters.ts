import * as z from 'zod'
import { tagList } from '#lib/tasks/conditions'
import { keyPattern } from '#lib/tasks/idempotency'
import { ListTasksQuery } from '#lib/tasks/list-tasks-query'

const tags = { type: 'string', pattern: `^[ \\t]*\\*[ \\t]*$|${tagList.source}` }

const paths = {
  userId: {
    name: 'userId',
    in: 'path',
    required: true,
    description: "The token's user. Anybody else's is a 403.",
    schema: { type: 'string' },
    example: 'mYk2vA8qJ5tWzX1cR7bN4dL9sE3fG6hP',
  },
  id: {
    name: 'id',
    in: 'path',
    required: true,
    description: 'The id of a task. What is no UUID names no task and is a 404.',
    schema: { type: 'string', format: 'uuid' },
    example: '4b8f9c0e-2f5d-4a57-9c1e-6f0c8a7d1b23',
  },
}

// Without examples of their own: the reference page would send those with whatever you try.
const headers = {
  'If-Match': {
    name: 'If-Match',
    in: 'header',
    description:
      '`ETag`s that you know, or `*`. If the version is another one now, nothing happens and the answer is 412. For instance `"582019347"`, with the quotes.',
    schema: tags,
  },
  'If-None-Match': {
    name: 'If-None-Match',
    in: 'header',
    description:
      '`ETag`s that you have, or `*`. If the version is one of them, a read answers 304 and a write 412. For instance `"582019347"`.',
    schema: tags,
  },
  'Idempotency-Key': {
    name: 'Idempotency-Key',
    in: 'header',
    description:
      'A name of your own for this task, such as a UUID: 1 to 255 visible characters, in quotes or bare. It is remembered as long as the task exists. For instance `8e03978e-40d5-43dd-bc93-6894a57f9324`.',
    schema: { type: 'string', pattern: keyPattern.source },
  },
}

/** `components.parameters`, by the name in `parameterReferences`. */
export function parameterComponents(): Record<string, object> {
  const { properties = {} } = z.toJSONSchema(ListTasksQuery, { io: 'input' })
  const query = Object.entries(properties).map(([name, schema]) => {
    const { description, ...rest } = typeof schema === 'object' ? schema : {}
    return [name, { name, in: 'query', description, schema: rest }] as const
  })
  return { ...paths, ...Object.fromEntries(query), ...headers }
}

/** References to the parameters that a path's template and an operation name. */
export function parameterReferences(names: readonly string[]): object[] {
  return names.map((name) => ({ $ref: `#/components/parameters/${name}` }))
}

/** The names of the list's query parameters. */
export function queryNames(): string[] {
  return Object.keys(z.toJSONSchema(ListTasksQuery, { io: 'input' }).properties ?? {})
}
