import { routeFiles } from '#app/route-files'
import { env } from '#lib/config/env'
import { otherMethods, withoutAuth } from '#lib/http/methods'
import { openApiDocument } from '#lib/openapi/document'
import { getDocument } from '#lib/service/operations'
import { withTasksPath } from '#lib/tasks/tasks-path'

let document: Promise<string> | undefined

/** Serves the OpenAPI 3.1 document, built once: settings change only with a restart. */
export const GET = withoutAuth(getDocument, async () => {
  document ??= describeService()
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-cache' }
  return { headers, body: await document }
})

async function describeService(): Promise<string> {
  const settings = env()
  const sessionCookie = settings.SESSION_TOKENS ? settings.SESSION_COOKIE : undefined
  const files = withTasksPath(routeFiles, settings.TASKS_PATH)
  return JSON.stringify(await openApiDocument(files, { ...settings, sessionCookie }))
}

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
