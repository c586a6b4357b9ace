import * as z from 'zod'
import type { AnswerDescription, Content, Operation } from '#lib/http/operation'

const status = (value: string): Content => ({
  schema: z.object({ status: z.literal(value) }),
  example: { status: value },
})
const page: Content = { type: 'text/html; charset=utf-8', schema: z.string() }

/** An operation on the service itself, which needs no credentials and answers 200. */
function serviceOperation(id: string, summary: string, description: string, body: Content) {
  const answers: Record<number, AnswerDescription> = { 200: { description, body } }
  return { id, tag: 'Service', summary, inputs: {}, answers, isPublic: true } satisfies Operation
}

export const getIndex = serviceOperation(
  'getIndex',
  'What this service is',
  'Its name, its version, and where its parts are.',
  {
    schema: z.object({
      name: z.string(),
      version: z.string(),
      links: z.record(z.string(), z.string()),
    }),
  },
)

export const getHealth = serviceOperation(
  'getHealth',
  'Is the process up?',
  'It is. Says nothing about the database.',
  status('ok'),
)

export const getLiveness = serviceOperation(
  'getLiveness',
  'Another name for /health',
  'The process is up.',
  status('ok'),
)

export const getReadiness: Operation = {
  ...serviceOperation(
    'getReadiness',
    'Can it serve?',
    'The database answers, is migrated, and keeps users apart.',
    status('ready'),
  ),
  problems: ['internal_error', 'not_ready', 'database_unavailable', 'overloaded'],
}

export const getDocument = serviceOperation('getDocument', 'This document', 'OpenAPI 3.1.', {
  schema: z.record(z.string(), z.unknown()),
})

export const getReference = serviceOperation(
  'getReference',
  'This document, to read and to try',
  'A page.',
  page,
)

export const getReferencePart: Operation = {
  ...serviceOperation('getReferencePart', 'The parts of that page', 'A script or a style sheet.', {
    type: '*/*',
    schema: z.string(),
  }),
  parameters: [
    {
      name: 'file',
      in: 'path',
      required: true,
      description: 'Its name.',
      schema: { type: 'string' },
    },
  ],
  problems: ['malformed_path', 'path_not_found'],
}

export const getErrors = serviceOperation(
  'getErrors',
  'Every error, explained',
  'A page with an entry for each `code`.',
  page,
)
