import { html } from '#lib/http/answer'
import { otherMethods, withoutAuth } from '#lib/http/methods'
import { referencePage, referencePolicy } from '#lib/openapi/reference-page'
import { getReference } from '#lib/service/operations'

/** Shows the interactive reference. */
export const GET = withoutAuth(getReference, ({ url }) => html(referencePage(url), referencePolicy))

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
