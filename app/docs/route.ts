import { html } from '#lib/answer'
import { withoutAuth } from '#lib/http/operation'
import { otherMethods } from '#lib/methods'
import { referencePage, referencePolicy } from '#lib/pages/reference'
import { getReference } from '#lib/service/operations'

/** The interactive reference. */
export const GET = withoutAuth(getReference, () => html(referencePage, referencePolicy))

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
