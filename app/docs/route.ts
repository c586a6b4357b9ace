import { html } from '#lib/answer'
import { otherMethods } from '#lib/methods'
import { referencePage, referencePolicy } from '#lib/pages/reference'
import { withRequest } from '#lib/with-request'

/** The interactive reference. */
export const GET = withRequest(() => html(referencePage, referencePolicy))

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
