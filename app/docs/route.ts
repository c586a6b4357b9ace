import { html } from '#lib/http/answer'
import { otherMethods } from '#lib/http/methods'
import { withoutAuth } from '#lib/http/operation'
import { referencePage, referencePolicy } from '#lib/openapi/reference-page'
import { getReference } from '#lib/service/operations'

/** Shows the interactive reference. */
export const GET = withoutAuth(getReference, ({ url }) => html(referencePage(url), referencePolicy))

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
