import { html } from '#lib/answer'
import { otherMethods } from '#lib/methods'
import { errorsPage, errorsPolicy } from '#lib/pages/errors'
import { withRequest } from '#lib/with-request'

/** Every error, explained. */
export const GET = withRequest(() => html(errorsPage, errorsPolicy))

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
