import { html } from '#lib/answer'
import { withoutAuth } from '#lib/http/operation'
import { otherMethods } from '#lib/methods'
import { errorsPage, errorsPolicy } from '#lib/pages/errors'
import { getErrors } from '#lib/service/operations'

/** Every error, explained. */
export const GET = withoutAuth(getErrors, () => html(errorsPage, errorsPolicy))

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
