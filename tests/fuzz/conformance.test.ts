import fc from 'fast-check'
import { expect } from 'vitest'
import {
  headerValue,
  invalidBody,
  invalidQuery,
  validBody,
  validQuery,
} from '#tests/fuzz/arbitraries'
import { testProperty } from '#tests/fuzz/runs'
import { call, createTask } from '#tests/support/api'
import { operations, type ParameterObject, resolve } from '#tests/support/document'
import { newUser } from '#tests/support/tokens'

/** A request to make, and the status that it must be refused with, if anything is wrong with it. */
interface Trial {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Record<string, string>
  readonly body: unknown
  readonly refusal?: number
}

type Target = (typeof operations)[number]

function within({ operation }: Target, place: ParameterObject['in']): ParameterObject[] {
  return (operation.parameters ?? [])
    .map((parameter) => resolve<ParameterObject>(parameter))
    .filter((parameter) => parameter.in === place)
}

const schemaOf = ({ operation }: Target) =>
  operation.requestBody?.content['application/json'].schema

/** Requests as the document has them. */
function followed(target: Target): fc.Arbitrary<Trial> {
  const schema = schemaOf(target)
  const body: fc.Arbitrary<unknown> =
    schema === undefined ? fc.constant(undefined) : validBody(schema)
  const isOptional = target.operation.requestBody?.required === false
  const values = within(target, 'header').map((header) => [header.name, headerValue(header, true)])
  const headers: fc.Arbitrary<Record<string, string>> = fc
    .record(Object.fromEntries(values), { requiredKeys: [] })
    .map((sent) => ({ ...sent }))
  return fc.record({
    method: fc.constant(target.method),
    path: fc.constant(target.path),
    query: validQuery(within(target, 'query')),
    headers,
    body: isOptional ? fc.option(body, { nil: undefined }) : body,
  })
}

/** The same with one mistake, of each kind that the operation can meet. */
function mistaken(target: Target): fc.Arbitrary<Trial>[] {
  const right = followed(target).map((trial) => ({ ...trial, headers: {} }))
  const wrong = (refusal: number, change: fc.Arbitrary<Partial<Trial>>) =>
    fc.tuple(right, change).map(([trial, part]) => ({ ...trial, ...part, refusal }))
  const schema = schemaOf(target)
  const query = within(target, 'query')
  return [
    ...(schema === undefined ? [] : [wrong(422, fc.record({ body: invalidBody(schema) }))]),
    ...(query.length === 0 ? [] : [wrong(422, fc.record({ query: invalidQuery(query) }))]),
    ...within(target, 'header').map((header) =>
      wrong(
        400,
        headerValue(header, false).map((value) => ({ headers: { [header.name]: value } })),
      ),
    ),
  ]
}

async function run(trial: Trial): Promise<void> {
  const { method, query, headers, body, refusal } = trial
  const as = newUser()
  const names = { '{userId}': as, '{id}': (await createTask(as)).id, '{file}': 'reference.js' }
  const path = trial.path.replace(/\{\w+\}/g, (name) => Reflect.get(names, name))
  const target = query === '' ? path : `${path}?${query}`
  const answer = await call(method, target, { as, headers, body })
  const isConditional = 'If-Match' in headers || 'If-None-Match' in headers
  const allowed = isConditional ? [200, 204, 304, 412] : [200, 201, 204]
  expect(refusal === undefined ? allowed : [refusal], answer.text).toContain(answer.status)
}

testProperty(
  'every operation takes what the document allows, and refuses what it does not',
  100,
  fc.oneof(...operations.flatMap((target) => [followed(target), ...mistaken(target)])),
  run,
)
