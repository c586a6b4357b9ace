import { otherMethods } from '#lib/methods'
import { referencePage, referencePolicy } from '#lib/pages/reference'
import { withRequest } from '#lib/with-request'

/** The interactive reference. */
export const GET = withRequest(() => ({
  headers: {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': referencePolicy,
    'cache-control': 'no-cache',
  },
  body: referencePage,
}))

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
