import { html } from '#lib/http/answer'
import { otherMethods } from '#lib/http/methods'
import { withRequest } from '#lib/http/with-request'
import { referencePage, referencePolicy } from '#lib/openapi/reference-page'

/** The interactive reference. */
export const GET = withRequest(() => html(referencePage, referencePolicy))

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
