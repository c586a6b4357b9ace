import { routeFiles } from '#app/route-files'
import { env } from '#lib/config/env'
import { otherMethods } from '#lib/http/methods'
import { withoutAuth } from '#lib/http/operation'
import { openApiDocument } from '#lib/openapi/document'
import { getDocument } from '#lib/service/operations'

let document: Promise<string> | undefined

/** Serves the OpenAPI 3.1 document, built once: settings change only with a restart. */
export const GET = withoutAuth(getDocument, async () => {
  document ??= describeService()
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-cache' }
  return { headers, body: await document }
})

async function describeService(): Promise<string> {
  const { LIST_ENVELOPE: envelope, SESSION_TOKENS, SESSION_COOKIE } = env()
  const sessionCookie = SESSION_TOKENS ? SESSION_COOKIE : undefined
  return JSON.stringify(await openApiDocument(routeFiles, { envelope, sessionCookie }))
}

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
