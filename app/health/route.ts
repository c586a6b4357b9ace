import { json } from '#lib/http/answer'
import { otherMethods } from '#lib/http/methods'
import { withRequest } from '#lib/http/with-request'

/** The process is up. Says nothing about the database; `/health/ready` does. */
export const GET = withRequest(() => json({ status: 'ok' }))

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
