import type { ValidateFunction } from 'ajv/dist/2020.js'
import { expect } from 'vitest'
import { standingHeaders } from '#lib/http/answer'
import {
  compile,
  document,
  faultsOf,
  type Reference,
  type ResponseObject,
  resolve,
  templateOf,
} from '#tests/support/document'

/** What hosts and CORS add to an answer, and what every answer has; `api.ts` checks the latter. */
const undocumented = new Set<string>([
  ...Object.keys(standingHeaders),
  ...['connection', 'content-length', 'content-type', 'date', 'keep-alive', 'transfer-encoding'],
  ...['access-control-allow-origin', 'access-control-allow-credentials'],
  ...['access-control-expose-headers', 'strict-transport-security'],
])

/** Fails where an answer is not as the document says: status, headers or body. */
export function checkAgainstDocument(
  method: string,
  path: string,
  { status, headers, text }: { status: number; headers: Headers; text: string },
): void {
  const template = templateOf(path)
  const item = template === undefined ? undefined : document.paths[template]
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase()
  const operation = item?.[verb]
  if (operation === undefined) {
    expect(undescribedStatuses(item, method), `${method} ${path} is not described`).toContain(
      status,
    )
    return
  }

  const { responses } = operation
  const key = String(status)
  const described = responses[key]
  const place = `${method} ${template} ${status}`
  if (described === undefined) throw new Error(`${place} is not described: ${text}`)
  const response = resolve(described)
  checkHeaders(place, headers, response)
  checkBody(place, key, headers, method === 'HEAD' ? '' : text, response, described)
}

/** No document can list what a service answers where it has nothing. */
function undescribedStatuses(item: object | undefined, method: string): number[] {
  if (method === 'OPTIONS') return item === undefined ? [204, 400, 404] : [204]
  return item === undefined ? [400, 404] : [405]
}

function checkHeaders(place: string, headers: Headers, response: ResponseObject) {
  const names = new Map(
    Object.entries(response.headers ?? {}).map(([name, header]) => [
      name.toLowerCase(),
      resolve(header).required === true,
    ]),
  )
  for (const [name, isRequired] of names) {
    if (isRequired) expect(headers.has(name), `${place} lacks ${name}`).toBe(true)
  }
  for (const name of headers.keys()) {
    const isKnown = names.has(name) || undocumented.has(name)
    expect(isKnown, `${place} has ${name}, which is not described`).toBe(true)
  }
}

const validators = new Map<string, ValidateFunction>()

function checkBody(
  place: string,
  key: string,
  headers: Headers,
  text: string,
  { content = {} }: ResponseObject,
  described: ResponseObject | Reference,
) {
  const [type, media] = Object.entries(content)[0] ?? []
  if (type === undefined || media === undefined) {
    expect(text, place).toBe('')
    return
  }
  if (type !== '*/*') expect(headers.get('content-type'), place).toBe(type)
  if (text === '' || !type.endsWith('json')) return
  const id = '$ref' in described ? described.$ref : place
  const validator = validators.get(id) ?? compile(media.schema, 'answer')
  validators.set(id, validator)
  const isValid = validator(JSON.parse(text))
  expect(isValid, `${place} ${key}: ${faultsOf(validator)}\n${text}`).toBe(true)
}
