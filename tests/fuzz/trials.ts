import fc from 'fast-check'
import {
  headerValue,
  invalidBody,
  invalidQuery,
  validBody,
  validQuery,
} from '#tests/fuzz/arbitraries'
import {
  document,
  type OperationObject,
  type ParameterObject,
  resolve,
} from '#tests/support/document'

/** The one thing that is wrong with a request. */
export type Mistake =
  | 'body'
  | 'query'
  | 'header'
  | 'syntax'
  | 'credentials'
  | 'method'
  | 'user'
  | 'id'

/** A request to make, and what is wrong with it, if anything is. */
export interface Trial {
  readonly method: string
  readonly template: string
  readonly query: string
  readonly headers: Record<string, string>
  readonly body: unknown
  readonly wrong?: Mistake
}

interface Target {
  readonly method: string
  readonly template: string
  readonly operation: OperationObject
  readonly parameters: readonly ParameterObject[]
}

/** Every operation of the document. */
export const targets: readonly Target[] = Object.entries(document.paths).flatMap(
  ([template, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      ...{ method: method.toUpperCase(), template, operation },
      parameters: (operation.parameters ?? []).map((parameter) =>
        resolve<ParameterObject>(parameter),
      ),
    })),
)

/** The methods that the document gives a path. */
export function methodsOf(template: string): string[] {
  return Object.keys(document.paths[template] ?? {}).map((method) => method.toUpperCase())
}

/** Requests to all operations, as the document has them or with one mistake. */
export const trials: fc.Arbitrary<Trial> = fc.oneof(
  ...targets.map((target) => fc.oneof(followed(target), mistaken(target))),
)

function within({ parameters }: Target, place: ParameterObject['in']): ParameterObject[] {
  return parameters.filter((parameter) => parameter.in === place)
}

function followed(target: Target): fc.Arbitrary<Trial> {
  const { requestBody } = target.operation
  const body: fc.Arbitrary<unknown> =
    requestBody === undefined
      ? fc.constant(undefined)
      : validBody(requestBody.content['application/json'].schema)
  const values = Object.fromEntries(
    within(target, 'header').map((header) => [header.name, headerValue(header, true)] as const),
  )
  const headers: fc.Arbitrary<Record<string, string>> = fc
    .record(values, { requiredKeys: [] })
    .map((sent) => Object.fromEntries(Object.entries(sent).map(([name, v = '']) => [name, v])))
  return fc.record({
    method: fc.constant(target.method),
    template: fc.constant(target.template),
    query: validQuery(within(target, 'query')),
    headers,
    body: requestBody?.required === false ? fc.option(body, { nil: undefined }) : body,
  })
}

function mistaken(target: Target): fc.Arbitrary<Trial> {
  const { template, operation } = target
  const right = followed(target).map((trial) => ({ ...trial, headers: {} }))
  const wrong = (name: Mistake, change: fc.Arbitrary<Partial<Trial>> = fc.constant({})) =>
    fc.tuple(right, change).map(([trial, part]) => ({ ...trial, ...part, wrong: name }))
  const mistakes: fc.Arbitrary<Trial>[] = [
    wrong('method', fc.record({ method: unserved(template), body: fc.constant(undefined) })),
  ]
  const schema = operation.requestBody?.content['application/json'].schema
  if (schema !== undefined) {
    mistakes.push(wrong('body', fc.record({ body: invalidBody(schema) })), wrong('syntax'))
  }
  if (operation.security === undefined) mistakes.push(wrong('credentials'))
  if (template.includes('{userId}')) mistakes.push(wrong('user'))
  if (template.includes('{id}')) mistakes.push(wrong('id'))
  const query = within(target, 'query')
  if (query.length > 0) mistakes.push(wrong('query', fc.record({ query: invalidQuery(query) })))
  for (const header of within(target, 'header')) {
    const headers = headerValue(header, false).map((value) => ({ [header.name]: value }))
    mistakes.push(wrong('header', fc.record({ headers })))
  }
  return fc.oneof(...mistakes)
}

function unserved(template: string): fc.Arbitrary<string> {
  const served = methodsOf(template)
  return fc.constantFrom(
    ...['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) => !served.includes(method)),
  )
}
