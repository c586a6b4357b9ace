import { database } from '#lib/database'
import { Problem } from '#lib/errors'
import { otherMethods } from '#lib/methods'
import { withRequest } from '#lib/with-request'

/** The service can serve: the database answers, is migrated, and the second wall stands. */
export const GET = withRequest(async () => {
  const isReady = await (await database()).isReady()
  if (!isReady) {
    throw new Problem('database_unavailable', 'The database is not migrated.', {
      headers: { 'retry-after': '2' },
    })
  }
  return Response.json({ status: 'ready' })
})

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
