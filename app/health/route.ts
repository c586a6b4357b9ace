import { json } from '#lib/answer'
import { otherMethods } from '#lib/methods'
import { withRequest } from '#lib/with-request'

/** The process is up. Says nothing about the database; `/health/ready` does. */
export const GET = withRequest(() => json({ status: 'ok' }))

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
