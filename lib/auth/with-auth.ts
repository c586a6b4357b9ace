import type { Caller } from '#db/caller'
import type { Permit } from '#db/rate-limit'
import type { CallerDatabase } from '#db/scoped'
import { authenticate } from '#lib/auth/authenticate'
import { limitAddress } from '#lib/http/address-limit'
import { Problem } from '#lib/http/errors'
import type { RequestContext } from '#lib/http/request-context'
import { type Handler, type RouteHandler, withRequest } from '#lib/http/with-request'
import { databaseFor } from '#lib/service/database'

/** What a handler is given. `db` can see the caller's rows and no others. */
export interface AuthenticatedContext extends RequestContext {
  readonly caller: Caller
  readonly db: CallerDatabase
}

/**
 * Wraps a handler of `/api`: who calls is settled, and that the path does not name somebody else,
 * before the handler runs or the database is asked.
 */
export function withAuth(handler: Handler<AuthenticatedContext>): RouteHandler {
  return withRequest(async (context) => {
    limitAddress(context.request)
    const caller = await identify(context)
    context.userId = caller.userId
    const { userId } = context.params
    if (userId !== undefined && userId !== caller.userId) {
      throw new Problem('other_user', 'The path names another user than the token.')
    }
    const onPermit = (permit: Permit) => {
      context.permit = permit
    }
    const db = await databaseFor(caller.userId, onPermit, () => context.request.signal)
    return await handler(Object.assign(context, { caller, db }))
  })
}

/** Who calls, with how long that took to find out. */
async function identify(context: RequestContext): Promise<Caller> {
  const startedAt = performance.now()
  try {
    return await authenticate(context.request)
  } finally {
    context.authMs = performance.now() - startedAt
  }
}
