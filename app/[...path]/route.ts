import { pathNotFound } from '#lib/http/methods'
import { withRequest } from '#lib/http/with-request'

/** Every path that no other route file has. Next's own answer is a page of HTML. */
export const GET = withRequest(() => {
  throw pathNotFound()
})

export { GET as DELETE, GET as OPTIONS, GET as PATCH, GET as POST, GET as PUT }
