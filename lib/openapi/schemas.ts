import * as z from 'zod'
import { problemTypes } from '#lib/http/errors'
import {
  type BodyDescription,
  type ContractSettings,
  type Operation,
  settle,
} from '#lib/http/operation'

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
    'violated-policies': {
      type: 'array',
      description:
        'The names in `RateLimit-Policy` that the request exceeds, where the status is 429.',
      items: { type: 'string' },
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

/** `components.schemas`: bodies as the operations declare them, and errors. */
export function schemaComponents(
  operations: readonly Operation[],
  settings: ContractSettings,
): Record<string, object> {
  const answers = operations.flatMap((operation) =>
    Object.values(settle(operation.answers, settings)).flatMap(({ body }) => {
      if (body === undefined) return []
      const { name, schema } = settle(body, settings)
      return name === undefined ? [] : [{ name, schema }]
    }),
  )
  const bodies = operations.flatMap((operation) => bodiesOf(operation, settings))
  return {
    ...convert(answers, 'output'),
    ...convert(bodies, 'input'),
    Problem: problem,
    ValidationIssue: validationIssue,
  }
}

/** The bodies that an operation takes. */
export function bodiesOf({ inputs }: Operation, settings: ContractSettings): BodyDescription[] {
  return Object.values(inputs).flatMap(({ body }) =>
    body === undefined ? [] : [settle(body, settings)],
  )
}

/** A schema without a name, for use in place. */
export function toSchema(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io, override: open })
  return rest
}

/** Converts schemas that refer to each other by name. */
function convert(
  named: readonly { readonly name: string; readonly schema: z.ZodType }[],
  io: 'input' | 'output',
): Record<string, object> {
  const registry = z.registry<{ id: string }>()
  const schemasByName = new Map(named.map(({ name, schema }) => [name, schema]))
  for (const [id, schema] of schemasByName) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, {
    io,
    uri: (id) => `#/components/schemas/${id}`,
    override: open,
  })
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema, $id, ...rest }]) => [name, rest]),
  )
}

/**
 * Allows unknown fields, because clients must not fail on a field that is added later. Removes
 * defaults, because generators of clients make a field with a default mandatory.
 */
function open({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  delete jsonSchema.default
  delete jsonSchema.propertyNames
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
}
