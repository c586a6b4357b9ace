import { json } from '#lib/answer'
import { databaseWithin } from '#lib/database'
import { isDraining } from '#lib/draining'
import { env } from '#lib/env'
import { Problem } from '#lib/errors'
import { withoutAuth } from '#lib/http/operation'
import { otherMethods } from '#lib/methods'
import { getReadiness } from '#lib/service/operations'

/** The service can serve: the database answers, is migrated, and the second wall stands. */
export const GET = withoutAuth(getReadiness, async () => {
  if (isDraining()) throw notReady('The service is shutting down.')
  const database = await databaseWithin(env().DATABASE_TIMEOUT_MS)
  const isReady = await database.isReady()
  if (!isReady) throw notReady('The database is not migrated.')
  return json({ status: 'ready' })
})

function notReady(detail: string): Problem {
  return new Problem('not_ready', detail, { headers: { 'retry-after': '2' } })
}

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
