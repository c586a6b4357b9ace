import { otherMethods } from '#lib/methods'
import { errorsPage, errorsPolicy } from '#lib/pages/errors'
import { withRequest } from '#lib/with-request'

/** Every error, explained. */
export const GET = withRequest(() => ({
  headers: {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': errorsPolicy,
    'cache-control': 'no-cache',
  },
  body: errorsPage,
}))

export const { POST, PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET')
