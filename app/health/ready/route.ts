import { json } from '#lib/http/answer'
import { Problem } from '#lib/http/errors'
import { otherMethods, withoutAuth } from '#lib/http/methods'
import { isDatabaseReady } from '#lib/service/database'
import { isDraining } from '#lib/service/draining'
import { getReadiness } from '#lib/service/operations'

/** Says whether the database answers, is migrated, and keeps users apart. */
export const GET = withoutAuth(getReadiness, async () => {
  if (isDraining()) throw notReady('The service is shutting down.')
  if (!(await isDatabaseReady())) throw notReady('The database is not migrated.')
  return json({ status: 'ready' })
})

function notReady(detail: string): Problem {
  return new Problem('not_ready', detail, { headers: { 'retry-after': '2' } })
}

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
