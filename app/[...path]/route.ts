import { pathNotFound } from '#lib/http/methods'
import { withRequest } from '#lib/http/with-request'

/** Answers 404 on every path without a route file. Next's own 404 is an HTML page. */
export const GET = withRequest(() => {
  throw pathNotFound()
})

export { GET as DELETE, GET as OPTIONS, GET as PATCH, GET as POST, GET as PUT }
