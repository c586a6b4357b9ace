import type * as z from 'zod'
import { readJson, readOptionalJson } from '#lib/http/body'
import type { BodyDescription, Input } from '#lib/http/operation'

const problems = [
  ...(['malformed_json', 'body_too_large', 'unsupported_media_type'] as const),
  'validation_failed',
] as const

/** A JSON body that must be there. */
export function jsonBody<Schema extends z.ZodType>(
  name: string,
  schema: Schema,
  examples: BodyDescription['examples'],
): Input<z.output<Schema>> {
  return {
    read: ({ request }) => readJson(request, schema),
    problems,
    body: { name, schema, examples, required: true },
  }
}

/** A JSON body that may be left out; its value is undefined then. */
export function optionalJsonBody<Schema extends z.ZodType>(
  name: string,
  schema: Schema,
  examples: BodyDescription['examples'],
): Input<z.output<Schema> | undefined> {
  return {
    read: ({ request }) => readOptionalJson(request, schema),
    problems,
    body: { name, schema, examples, required: false },
  }
}
