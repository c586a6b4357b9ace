import type { ProblemCode } from '#lib/http/errors'
import { anyClientError, problemReferences } from '#lib/openapi/responses'

const headers = {
  'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' },
  'Server-Timing': { $ref: '#/components/headers/Server-Timing' },
  'Cache-Control': { $ref: '#/components/headers/Cache-Control' },
}

interface ServicePath {
  readonly id: string
  readonly summary: string
  readonly answer: string
  readonly type: string
  readonly schema: object
  readonly example?: unknown
  readonly parameters?: readonly object[]
  readonly problems?: readonly ProblemCode[]
}

const status = (value: string) => ({
  type: 'application/json',
  schema: { type: 'object', properties: { status: { const: value } }, required: ['status'] },
  example: { status: value },
})

const page = { type: 'text/html; charset=utf-8', schema: { type: 'string' } }
const links = { type: 'object', additionalProperties: { type: 'string' } }

const table: Record<string, ServicePath> = {
  '/': {
    id: 'getIndex',
    summary: 'What this service is',
    answer: 'Its name, its version, and where its parts are.',
    type: 'application/json',
    schema: {
      type: 'object',
      properties: { name: { type: 'string' }, version: { type: 'string' }, links },
      required: ['name', 'version', 'links'],
    },
  },
  '/health': {
    id: 'getHealth',
    summary: 'Is the process up?',
    answer: 'It is. Says nothing about the database.',
    ...status('ok'),
  },
  '/health/live': {
    id: 'getLiveness',
    summary: 'Another name for /health',
    answer: 'The process is up.',
    ...status('ok'),
  },
  '/health/ready': {
    id: 'getReadiness',
    summary: 'Can it serve?',
    answer: 'The database answers, is migrated, and keeps users apart.',
    ...status('ready'),
    problems: ['internal_error', 'not_ready', 'database_unavailable', 'overloaded'],
  },
  '/openapi.json': {
    id: 'getDocument',
    summary: 'This document',
    answer: 'OpenAPI 3.1.',
    type: 'application/json',
    schema: { type: 'object' },
  },
  '/docs': {
    id: 'getReference',
    summary: 'This document, to read and to try',
    answer: 'A page.',
    ...page,
  },
  '/docs/{file}': {
    id: 'getReferencePart',
    summary: 'The parts of that page',
    answer: 'A script or a style sheet.',
    type: '*/*',
    schema: { type: 'string' },
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
  },
  '/docs/errors': {
    id: 'getErrors',
    summary: 'Every error, explained',
    answer: 'A page with an entry for each `code`.',
    ...page,
  },
}

/** The errors that these paths name. */
export const serviceProblems = Object.values(table).map(({ problems = [] }) => problems)

/** The paths that need no credentials. */
export const servicePaths = Object.fromEntries(
  Object.entries(table).map(([path, { id, summary, answer, problems = [], ...rest }]) => {
    const { type, schema, example, parameters } = rest
    const content = { [type]: { schema, ...(example !== undefined && { example }) } }
    const get = {
      ...{ operationId: id, tags: ['Service'], summary, security: [] },
      ...(parameters !== undefined && { parameters }),
      responses: {
        200: { description: answer, headers, content },
        ...problemReferences(problems),
        '4XX': anyClientError,
      },
    }
    return [path, { get }] as const
  }),
)
