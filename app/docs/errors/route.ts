import { html } from '#lib/http/answer'
import { otherMethods, withoutAuth } from '#lib/http/methods'
import { errorsPage, errorsPolicy } from '#lib/openapi/errors-page'
import { getErrors } from '#lib/service/operations'

/** Shows the page that explains every error. */
export const GET = withoutAuth(getErrors, ({ url }) => html(errorsPage(url), errorsPolicy))

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
