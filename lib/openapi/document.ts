import type { ProblemCode } from '#lib/http/errors'
import type { OperationHandler } from '#lib/http/methods'
import { type Content, type ContractSettings, type Operation, settle } from '#lib/http/operation'
import { headerComponents, headerReferences } from '#lib/http/response-headers'
import { parameterComponents, parameterNames } from '#lib/openapi/parameters'
import { problemComponents, problemReferences } from '#lib/openapi/problems'
import { bodiesOf, schemaComponents, toSchema } from '#lib/openapi/schemas'
import { securitySchemes } from '#lib/openapi/security'
import { description, familiesWith, tagsWith } from '#lib/openapi/texts'
import { version } from '#lib/service/version'

/** A loader for each route file, by its path in the document, such as `/api/tasks/{id}`. */
export type RouteFiles = Readonly<Record<string, () => Promise<object>>>

/** An operation at one of the paths that serve it. */
interface Served {
  readonly path: string
  readonly method: string
  readonly operation: Operation
}

export interface DocumentOptions extends ContractSettings {
  /** What the collection is called besides, as in `TASKS_PATH`. */
  readonly TASKS_PATH?: string | undefined
  /** The cookie that counts as credentials; undefined where none does. */
  readonly sessionCookie?: string | undefined
}

/** The errors that every operation with a caller can have. */
const ofCallers: readonly ProblemCode[] = [
  'malformed_request',
  ...(['credentials_missing', 'token_invalid', 'token_expired', 'account_unknown'] as const),
  ...(['rate_limited', 'internal_error', 'overloaded'] as const),
  ...(['database_unavailable', 'keys_unavailable', 'not_ready'] as const),
]

/** The OpenAPI 3.1 document of the operations that these route files export. */
export async function openApiDocument(
  files: RouteFiles,
  options: DocumentOptions,
): Promise<object> {
  const served = (await Promise.all(Object.entries(files).map(operationsOf))).flat()
  const operations = served.map(({ operation }) => operation)
  const schemes = securitySchemes(options.sessionCookie)
  const paths: Record<string, Record<string, object>> = {}
  for (const one of served) {
    paths[one.path] = { ...paths[one.path], [one.method]: describe(one, options) }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Todo API',
      version,
      description,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    // Both are relative to this document (OpenAPI 3.1, 4.6), which may be served under a prefix.
    servers: [{ url: '.', description: 'The server of this document' }],
    externalDocs: { url: 'docs/errors', description: 'Every error, and what to do about it' },
    tags: tagsWith(options.TASKS_PATH),
    // A request needs one of them.
    security: Object.keys(schemes).map((name) => ({ [name]: [] })),
    paths,
    components: {
      securitySchemes: schemes,
      schemas: schemaComponents(operations, options),
      parameters: parameterComponents(operations),
      headers: headerComponents,
      responses: problemComponents(served.map(problemsOf)),
    },
  }
}

/** The operations that a route file exports. */
async function operationsOf([path, load]: [string, () => Promise<object>]): Promise<Served[]> {
  const file: Partial<Record<string, Partial<OperationHandler>>> = { ...(await load()) }
  return ['get', 'post', 'patch', 'put', 'delete'].flatMap((method) => {
    const operation = file[method.toUpperCase()]?.operation
    return operation === undefined ? [] : [{ path, method, operation }]
  })
}

function describe(served: Served, settings: DocumentOptions) {
  const { operation, path } = served
  const { id, tag, summary, isPublic = false } = operation
  const family = familiesWith(settings.TASKS_PATH).find(({ start }) =>
    `${path}/`.startsWith(`${start}/`),
  )
  const names = parameterNames(operation, path)
  const bodies = bodiesOf(operation, settings)
  const described = Object.entries(settle(operation.answers, settings))
  const answers = described.map(([status, { body, ...answer }]) => {
    const content = body === undefined ? undefined : settle(body, settings)
    const headers = headerReferences([
      ...(['X-Request-Id', 'Cache-Control'] as const),
      ...(isPublic ? [] : (['RateLimit', 'RateLimit-Policy'] as const)),
      ...(['Server-Timing', ...(answer.headers ?? [])] as const),
    ])
    const base = { description: answer.description, headers }
    return [status, content === undefined ? base : { ...base, ...contentOf(content) }]
  })
  return {
    operationId: id + (family?.suffix ?? ''),
    tags: [family?.tag ?? tag],
    summary,
    ...(operation.description !== undefined && { description: operation.description }),
    ...(isPublic && { security: [] }),
    ...(names.length > 0 && {
      parameters: names.map((name) => ({ $ref: `#/components/parameters/${name}` })),
    }),
    ...bodies.map(({ name, required, examples }) => ({
      requestBody: { required, content: { 'application/json': { schema: named(name), examples } } },
    }))[0],
    responses: {
      ...Object.fromEntries(answers),
      ...problemReferences(problemsOf(served)),
    },
  }
}

function contentOf({ type = 'application/json', name, schema, example }: Content) {
  const described = name === undefined ? toSchema(schema, 'output') : named(name)
  const media = { schema: described, ...(example !== undefined && { example }) }
  return { content: { [type]: media } }
}

function named(name: string): object {
  return { $ref: `#/components/schemas/${name}` }
}

function problemsOf({ operation, path }: Served): ProblemCode[] {
  const { inputs, problems = [], isPublic = false } = operation
  const ofInputs = Object.values(inputs).flatMap((input) => input.problems)
  if (isPublic) return [...problems, ...ofInputs, 'malformed_request']
  const ofPath: ProblemCode[] = path.includes('{') ? ['malformed_path'] : []
  if (path.includes('{userId}')) ofPath.push('other_user')
  return [...problems, ...ofInputs, ...ofCallers, ...ofPath]
}
