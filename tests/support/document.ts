import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { routeFiles } from '#app/route-files'
import { openApiDocument } from '#lib/openapi/document'

export interface Reference {
  readonly $ref: string
}

export interface ResponseObject {
  readonly headers?: Record<string, { required?: boolean } | Reference>
  readonly content?: Record<string, { schema: object }>
}

export interface OperationObject {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly security?: readonly object[]
  readonly parameters?: readonly (ParameterObject | Reference)[]
  readonly requestBody?: {
    readonly required: boolean
    readonly content: { 'application/json': { schema: Reference } }
  }
  readonly responses: Record<string, ResponseObject | Reference>
}

export interface ParameterObject {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly schema: object
}

interface OpenApiDocument {
  readonly paths: Record<string, Record<string, OperationObject>>
  readonly components: { readonly schemas: Record<string, object> }
}

/** The settings of a service that sets none. */
export const plainSettings = {
  LIST_ENVELOPE: 'array',
  COMPLETION_FIELD: 'both',
  DELETE_ANSWER: 'empty',
} as const

/** The API document of a service with default settings. */
export const document: OpenApiDocument = JSON.parse(
  JSON.stringify(await openApiDocument(routeFiles, plainSettings)),
)

/** Every operation of the document. */
export const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({
    method: method.toUpperCase(),
    path,
    operation,
  })),
)

const ajv = new Ajv2020({ strict: false, allErrors: true })
addFormats.default(ajv)
ajv.addSchema(document, 'open')
ajv.addSchema(close(document), 'closed')

const templates = Object.keys(document.paths).sort((one, other) =>
  // A fixed part wins over a name in braces, from the left.
  one.replaceAll('{', '~') < other.replaceAll('{', '~') ? -1 : 1,
)

/** The path of the document that a request's path belongs to. */
export function templateOf(path: string): string | undefined {
  const { pathname } = new URL(path, 'http://service')
  const parts = pathname.replace(/(?<=.)\/$/, '').split('/')
  return templates.find((template) => {
    const names = template.split('/')
    return (
      names.length === parts.length &&
      names.every((name, i) => (name.startsWith('{') ? parts[i] !== '' : name === parts[i]))
    )
  })
}

/** Follows a reference inside the document. */
export function resolve<T extends object>(value: T | Reference): T {
  if (!('$ref' in value)) return value
  const path = value.$ref.slice('#/'.length).split('/')
  return path.reduce<unknown>((part, name) => Reflect.get(Object(part), name), document) as T
}

/** What is wrong with the last value that a check refused. */
export function faultsOf({ errors }: ValidateFunction): string {
  return ajv.errorsText(errors)
}

/**
 * A check of values against a schema of the document. Clients and handlers ignore fields that they
 * do not know; in an answer one is a mistake.
 */
export function compile(schema: object, of: 'request' | 'answer'): ValidateFunction {
  const [name, form] = of === 'request' ? ['open', schema] : ['closed', close(schema)]
  return ajv.compile(
    JSON.parse(JSON.stringify(form).replaceAll('"#/components', `"${name}#/components`)),
  )
}

/** The same schemas, taking no field that they do not name. */
function close<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(close) as T
  const closed = Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name, close(part)]),
  )
  const isObject = 'properties' in value && 'type' in value && value.type === 'object'
  return { ...(isObject && { additionalProperties: false }), ...closed } as T
}
