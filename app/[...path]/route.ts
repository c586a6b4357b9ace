import { pathNotFound } from '#lib/request'
import { withRequest } from '#lib/with-request'

/** Every path that no other route file has. Next's own answer is a page of HTML. */
export const GET = withRequest(() => {
  throw pathNotFound()
})

export { GET as DELETE, GET as OPTIONS, GET as PATCH, GET as POST, GET as PUT }
