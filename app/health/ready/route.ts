import { json } from '#lib/answer'
import { isDatabaseReady } from '#lib/database'
import { isDraining } from '#lib/draining'
import { Problem } from '#lib/errors'
import { otherMethods } from '#lib/methods'
import { withRequest } from '#lib/with-request'

/** The service can serve: the database answers, is migrated, and the second wall stands. */
export const GET = withRequest(async () => {
  if (isDraining()) throw notReady('The service is shutting down.')
  if (!(await isDatabaseReady())) throw notReady('The database is not migrated.')
  return json({ status: 'ready' })
})

function notReady(detail: string): Problem {
  return new Problem('not_ready', detail, { headers: { 'retry-after': '2' } })
}

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
