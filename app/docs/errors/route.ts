import { html } from '#lib/http/answer'
import { otherMethods } from '#lib/http/methods'
import { withRequest } from '#lib/http/with-request'
import { errorsPage, errorsPolicy } from '#lib/openapi/errors-page'

/** Every error, explained. */
export const GET = withRequest(() => html(errorsPage, errorsPolicy))

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
