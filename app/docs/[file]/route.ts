import { otherMethods, pathNotFound, withoutAuth } from '#lib/http/methods'
import { referencePart } from '#lib/openapi/reference-page'
import { getReferencePart } from '#lib/service/operations'

/** Serves the scripts and styles of the reference page. */
export const GET = withoutAuth(getReferencePart, async ({ params }) => {
  const { file } = params
  const part = typeof file === 'string' ? await referencePart(file) : undefined
  if (part === undefined) throw pathNotFound()
  const headers = { 'content-type': part.type, 'cache-control': 'public, max-age=3600' }
  return { headers, body: part.content }
})

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
