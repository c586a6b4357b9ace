import * as z from 'zod'
import type { Operation, Parameter } from '#lib/http/operation'

const userId: Parameter = {
  name: 'userId',
  in: 'path',
  required: true,
  description: "The token's user. Anybody else's is a 403.",
  schema: { type: 'string' },
  example: 'mYk2vA8qJ5tWzX1cR7bN4dL9sE3fG6hP',
}

/** `components.parameters`, by the names in `parameterNames`. */
export function parameterComponents(operations: readonly Operation[]): Record<string, object> {
  const declared = operations.flatMap((operation) => [
    ...declaredBy(operation),
    ...Object.entries(queryOf(operation)).map(([name, { description, ...schema }]) => ({
      ...{ name, in: 'query', description, schema },
    })),
  ])
  return Object.fromEntries([userId, ...declared].map((parameter) => [parameter.name, parameter]))
}

/** The names of the parameters that an operation takes at a path: path, query and headers. */
export function parameterNames(operation: Operation, path: string): string[] {
  const inPath = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name = '']) => name)
  const headers = declaredBy(operation).filter((parameter) => parameter.in === 'header')
  return [...inPath, ...Object.keys(queryOf(operation)), ...headers.map(({ name }) => name)]
}

function declaredBy({ inputs, parameters = [] }: Operation): readonly Parameter[] {
  return [...parameters, ...Object.values(inputs).flatMap((input) => input.parameters ?? [])]
}

function queryOf({ inputs }: Operation): Record<string, z.core.JSONSchema.JSONSchema> {
  const queries = Object.values(inputs).flatMap(({ query = [] }) => query)
  const properties = queries.flatMap((query) =>
    Object.entries(z.toJSONSchema(query, { io: 'input' }).properties ?? {}),
  )
  return Object.fromEntries(
    properties.flatMap(([name, schema]) =>
      typeof schema === 'object' ? [[name, schema] as const] : [],
    ),
  )
}
