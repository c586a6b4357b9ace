import { env } from '#lib/env'
import { otherMethods } from '#lib/methods'
import { openApiDocument } from '#lib/openapi/document'
import { withRequest } from '#lib/with-request'

let document: string | undefined

/** This API in OpenAPI 3.1. The same for everybody, and until the next start. */
export const GET = withRequest(() => {
  document ??= JSON.stringify(openApiDocument(env().LIST_ENVELOPE))
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-cache' }
  return { headers, body: document }
})

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
