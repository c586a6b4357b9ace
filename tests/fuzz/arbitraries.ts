import fc from 'fast-check'
import { compile, type ParameterObject, resolve } from '#tests/support/document'

interface Schema {
  readonly type?: string | readonly string[]
  readonly enum?: readonly string[]
  readonly properties?: Record<string, Schema>
  readonly required?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
}

type Body = Record<string, unknown>

/** Text of every kind that JSON can carry: emoji, marks, controls, other scripts. */
const text = (maxLength = 300) =>
  fc.oneof(
    fc.string({ unit: 'grapheme', maxLength }),
    fc.string({ unit: 'binary', maxLength }),
    fc.string({ unit: 'grapheme-ascii', maxLength }),
  )

/** Values that a schema of the document takes. */
export function valid(schema: Schema): fc.Arbitrary<unknown> {
  const accepts = compile(schema, 'request')
  return fc
    .oneof(...[schema.type ?? 'string'].flat().map((type) => ofType(type, schema)))
    .filter((value) => accepts(value))
}

function ofType(type: string, schema: Schema): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  switch (type) {
    case 'null':
      return fc.constant(null)
    case 'boolean':
      return fc.boolean()
    case 'integer':
      return fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 10 })
    case 'object':
      return ofObject(schema)
    default:
      // A title of these alone is invisible, which no pattern that every language reads can say.
      return text(schema.maxLength).filter((value) => !/[\u{E0000}-\u{E0FFF}]/u.test(value))
  }
}

function ofObject({ properties = {}, required = [] }: Schema): fc.Arbitrary<Body> {
  const fields = Object.fromEntries(
    Object.entries(properties).map(([name, field]) => [name, valid(field)]),
  )
  return fc.record(fields, { requiredKeys: [...required] })
}

/** Bodies that an operation takes. Two names of one flag agree, which no schema can say. */
export function validBody(reference: { $ref: string }): fc.Arbitrary<Body> {
  return (valid(resolve<Schema>(reference)) as fc.Arbitrary<Body>).map((body) =>
    'completed' in body && 'is_completed' in body
      ? { ...body, is_completed: body['completed'] }
      : body,
  )
}

/** Bodies that an operation must refuse: one field is wrong, missing, or the whole is no object. */
export function invalidBody(reference: { $ref: string }): fc.Arbitrary<unknown> {
  const schema = resolve<Schema>(reference)
  const accepts = compile(schema, 'request')
  const names = Object.keys(schema.properties ?? {})
  const wrongValue = fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.constantFrom('\0', '\ud800', 'x'.repeat(201), 'y'.repeat(1001), '   ', '', undefined),
  )
  // A field that is undefined is left out.
  const withWrongField = fc
    .tuple(validBody(reference), fc.constantFrom(...names), wrongValue)
    .map(([body, name, value]) => JSON.parse(JSON.stringify({ ...body, [name]: value })))
  const contradiction = fc
    .tuple(validBody(reference), fc.boolean())
    .map(([body, flag]) => ({ ...body, completed: flag, is_completed: !flag }))
  return fc
    .oneof(withWrongField, fc.jsonValue({ maxDepth: 1 }), contradiction)
    .filter((body) => !accepts(trimmed(body)) || contradicts(body) || !isWellFormed(body))
}

/** White space around a title does not count. */
function trimmed(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('title' in body)) return body
  return { ...body, title: typeof body.title === 'string' ? body.title.trim() : body.title }
}

function contradicts(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false
  return 'completed' in body && 'is_completed' in body && body.completed !== body.is_completed
}

function isWellFormed(body: unknown): boolean {
  return Object.values(Object(body)).every(
    (value) => typeof value !== 'string' || value.isWellFormed(),
  )
}

const sameThings = [
  ['status', 'completed'],
  ['sort', 'sort_by'],
  ['order', 'sort_order'],
] as const

/** What nobody can search for, which no schema says: NUL, and nothing but accents. */
function isUnsearchable(search: unknown): boolean {
  return typeof search === 'string' && /\0|^[\s\p{M}]*$|[\ud800-\udfff]/u.test(search)
}

/** Query strings that the list takes. A cursor is none of them: it comes from a link. */
export function validQuery(parameters: readonly ParameterObject[]): fc.Arbitrary<string> {
  const fields = parameters
    .filter(({ name }) => name !== 'cursor')
    .map(({ name, schema }) => [name, valid(schema)] as const)
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] }).map((query) => {
    const { page, ...agreed } = query
    // Two names of the same thing may not say different things.
    for (const [name, other] of sameThings) if (name in agreed) delete agreed[other]
    if (isUnsearchable(agreed['search'])) delete agreed['search']
    return String(new URLSearchParams(Object.entries(agreed).map(([k, v]) => [k, String(v)])))
  })
}

/** Query strings with one value that the list must refuse. */
export function invalidQuery(parameters: readonly ParameterObject[]): fc.Arbitrary<string> {
  // Hardly a text is wrong to search for.
  const others = parameters.filter(({ name }) => name !== 'search')
  return fc.constantFrom(...others).chain(({ name, schema }) => {
    const accepts = compile(schema, 'request')
    const wrong = fc
      .oneof(text(20), fc.integer().map(String))
      .filter((value) => value !== '')
      .filter((value) => name === 'cursor' || !accepts(fromQuery(value, schema)))
    return wrong.map((value) => String(new URLSearchParams([[name, value]])))
  })
}

function fromQuery(value: string, { type }: Schema): unknown {
  if (type === 'integer') return /^[0-9]+$/.test(value) ? Number(value) : value
  if (type === 'boolean') return value === 'true' ? true : value === 'false' ? false : value
  return value
}

/** Values of a header that may be sent, as its schema says; or that must be refused. */
export function headerValue({ schema }: ParameterObject, isValid: boolean) {
  const accepts = compile(schema, 'request')
  const visible = fc
    .string({ unit: 'grapheme-ascii', maxLength: 40 })
    .map((text) => text.replaceAll(' ', ''))
  const tags = fc
    .array(fc.tuple(fc.constantFrom('', 'W/'), visible), { maxLength: 3 })
    .map((list) => list.map(([weak, tag]) => `${weak}"${tag.replaceAll('"', '')}"`).join(', '))
  return fc
    .oneof(tags, visible, fc.constantFrom('*', '', '"a", *', 'x'.repeat(600)))
    .filter((value) => accepts(value) === isValid)
}
