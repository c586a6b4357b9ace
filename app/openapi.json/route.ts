import { sessionCookieName } from '#lib/auth/session-cookie'
import { env } from '#lib/config/env'
import { otherMethods } from '#lib/http/methods'
import { withRequest } from '#lib/http/with-request'
import { openApiDocument } from '#lib/openapi/document'

let document: string | undefined

/** This API in OpenAPI 3.1. The same for everybody, and until the next start. */
export const GET = withRequest(() => {
  document ??= JSON.stringify(describeService())
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-cache' }
  return { headers, body: document }
})

function describeService(): object {
  const { LIST_ENVELOPE, SESSION_TOKENS } = env()
  return openApiDocument(LIST_ENVELOPE, SESSION_TOKENS ? sessionCookieName() : undefined)
}

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
