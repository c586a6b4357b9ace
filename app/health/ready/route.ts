import { json } from '#lib/http/answer'
import { Problem } from '#lib/http/errors'
import { otherMethods, withoutAuth } from '#lib/http/methods'
import { isDatabaseReady } from '#lib/service/database'
import { isDraining } from '#lib/service/draining'
import { getReadiness } from '#lib/service/operations'

/** Says whether the database answers, is migrated, and keeps users apart. */
export const GET = withoutAuth(getReadiness, async () => {
  if (isDraining()) throw new Problem('not_ready', 'The service is shutting down.')
  if (!(await isDatabaseReady())) throw new Problem('not_ready', 'The database is not migrated.')
  return json({ status: 'ready' })
})

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
