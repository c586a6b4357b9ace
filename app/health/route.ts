import { json } from '#lib/http/answer'
import { otherMethods, withoutAuth } from '#lib/http/methods'
import { getHealth } from '#lib/service/operations'

/** Says that the process is up. It does not ask the database; `/health/ready` does. */
export const GET = withoutAuth(getHealth, () => json({ status: 'ok' }))

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
