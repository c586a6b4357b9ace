import type { ProblemCode } from '#lib/http/errors'
import { headerComponents } from '#lib/http/response-headers'
import { type Operation, operations } from '#lib/openapi/operations'
import { parameterComponents, parameterReferences, queryNames } from '#lib/openapi/parameters'
import { problemComponents, problemReferences, successes } from '#lib/openapi/responses'
import { schemaComponents } from '#lib/openapi/schemas'
import { securitySchemes } from '#lib/openapi/security'
import { servicePaths, serviceProblems } from '#lib/openapi/service-paths'
import { description, tags } from '#lib/openapi/texts'
import { version } from '#lib/service/version'
import type { Envelope } from '#lib/tasks/list-page'

/** Tasks have the same operations under three addresses; frontends of all three kinds exist. */
const families = [
  { base: '/api/tasks', suffix: '', tag: 'Tasks', operations },
  { base: '/api/{userId}/tasks', suffix: 'OfUser', tag: 'Tasks of a user', operations },
  { base: '/api/{userId}', suffix: 'Of', tag: 'Tasks of a user, short', operations },
]

const everywhere: readonly ProblemCode[] = [
  ...(['credentials_missing', 'token_invalid', 'token_expired', 'account_unknown'] as const),
  ...(['rate_limited', 'internal_error', 'overloaded'] as const),
  ...(['database_unavailable', 'keys_unavailable'] as const),
]

/**
 * The OpenAPI 3.1 document of this service.
 *
 * @param envelope how it wraps lists
 * @param sessionCookie the cookie that counts as credentials; undefined where none does
 */
export function openApiDocument(envelope: Envelope, sessionCookie?: string): object {
  const schemes = securitySchemes(sessionCookie)
  const paths: Record<string, Record<string, object>> = {}
  const answers = successes((tasks) =>
    envelope === 'array' ? tasks : { [envelope]: tasks, count: 1, total: 1 },
  )
  const problems = [...serviceProblems]
  for (const { base, suffix, tag, operations: served } of families) {
    for (const operation of served) {
      const path = base + operation.path
      problems.push(problemsOf(operation, path))
      const described = describe(operation, path, answers)
      const entry = { operationId: operation.id + suffix, tags: [tag], ...described }
      paths[path] = { ...paths[path], [operation.method]: entry }
    }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Todo API',
      version,
      description,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'This server' }],
    tags,
    // One of them is enough.
    security: Object.keys(schemes).map((name) => ({ [name]: [] })),
    paths: { ...paths, ...servicePaths },
    components: {
      securitySchemes: schemes,
      schemas: schemaComponents(envelope),
      parameters: parameterComponents(),
      headers: headerComponents,
      responses: problemComponents(problems),
    },
  }
}

function describe(operation: Operation, path: string, answers: ReturnType<typeof successes>) {
  const { summary, body, headers, query } = operation
  const inPath = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name = '']) => name)
  const names = [...inPath, ...(query === undefined ? [] : queryNames()), ...headers]
  return {
    summary,
    description: operation.description,
    ...(names.length > 0 && { parameters: parameterReferences(names) }),
    ...(body !== undefined && { requestBody: requestBody(body) }),
    responses: {
      ...Object.fromEntries(
        Object.entries(operation.successes).map(([status, name]) => [status, answers[name]]),
      ),
      ...problemReferences(problemsOf(operation, path)),
    },
  }
}

function problemsOf({ problems }: Operation, path: string): ProblemCode[] {
  const ofPath: ProblemCode[] = path.includes('{') ? ['malformed_path'] : []
  if (path.includes('{userId}')) ofPath.push('other_user')
  return [...problems, ...everywhere, ...ofPath]
}

function requestBody({ schema, required, examples }: NonNullable<Operation['body']>) {
  const content = { schema: { $ref: `#/components/schemas/${schema}` }, examples }
  return { required, content: { 'application/json': content } }
}
