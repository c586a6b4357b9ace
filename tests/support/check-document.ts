import type { ValidateFunction } from 'ajv/dist/2020.js'
import { expect } from 'vitest'
import { standingHeaders } from '#lib/http/answer'
import type { ResponseObject } from '#tests/support/document'
import { compile, document, faultsOf, resolve, templateOf } from '#tests/support/document'
import type { Answer } from '#tests/support/send'

/** What hosts and CORS add to an answer, and what every answer has; `api.ts` checks the latter. */
const undocumented = new Set<string>([
  ...Object.keys(standingHeaders),
  ...['connection', 'content-length', 'content-type', 'date', 'keep-alive', 'transfer-encoding'],
  ...['access-control-allow-origin', 'access-control-allow-credentials'],
  ...['access-control-expose-headers', 'strict-transport-security'],
])

type Answered = Pick<Answer, 'status' | 'headers' | 'text'>

/** Fails where an answer is not as the document says: status, headers or body. */
export function checkAgainstDocument(method: string, path: string, answer: Answered): void {
  const { status } = answer
  const template = templateOf(path)
  const item = template === undefined ? undefined : document.paths[template]
  const operation = item?.[method === 'HEAD' ? 'get' : method.toLowerCase()]
  const place = `${method} ${template} ${status}`
  if (operation === undefined) {
    expect(undescribedStatuses(item, method), `${place} is not described`).toContain(status)
    return
  }
  const described = operation.responses[status]
  if (described === undefined) throw new Error(`${place} is not described: ${answer.text}`)
  const response = resolve(described)
  checkHeaders(place, answer.headers, response)
  const body = method === 'HEAD' ? { ...answer, text: '' } : answer
  checkBody(place, body, response, '$ref' in described ? described.$ref : place)
}

/** No document can list what a service answers where it has nothing. */
function undescribedStatuses(item: object | undefined, method: string): number[] {
  if (method === 'OPTIONS') return item === undefined ? [204, 400, 404] : [204]
  return item === undefined ? [400, 404] : [405]
}

function checkHeaders(place: string, headers: Headers, response: ResponseObject) {
  const known = new Set(undocumented)
  for (const [name, header] of Object.entries(response.headers ?? {})) {
    known.add(name.toLowerCase())
    if (resolve(header).required) expect(headers.has(name), `${place} lacks ${name}`).toBe(true)
  }
  for (const name of headers.keys()) {
    expect(known.has(name), `${place} has ${name}, which is not described`).toBe(true)
  }
}

const validators = new Map<string, ValidateFunction>()

/** @param id of the schema, which is compiled once */
function checkBody(
  place: string,
  { headers, text }: Answered,
  { content = {} }: ResponseObject,
  id: string,
) {
  const [type, media] = Object.entries(content)[0] ?? []
  if (type === undefined || media === undefined) {
    expect(text, place).toBe('')
    return
  }
  if (type !== '*/*') expect(headers.get('content-type'), place).toBe(type)
  if (text === '' || !type.endsWith('json')) return
  const validator = validators.get(id) ?? compile(media.schema, 'answer')
  validators.set(id, validator)
  const isValid = validator(JSON.parse(text))
  expect(isValid, `${place}: ${faultsOf(validator)}\n${text}`).toBe(true)
}
