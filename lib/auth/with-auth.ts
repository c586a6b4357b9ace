import type { Caller } from '#db/caller'
import type { Permit } from '#db/rate-limit'
import type { CallerDatabase } from '#db/scoped'
import { authenticate } from '#lib/auth/authenticate'
import { env } from '#lib/config/env'
import { limitAddress } from '#lib/http/address-limit'
import { Problem } from '#lib/http/errors'
import { readInputs } from '#lib/http/inputs'
import type { OperationHandler } from '#lib/http/methods'
import type { Inputs, Operation, ValuesOf } from '#lib/http/operation'
import type { RequestContext } from '#lib/http/request-context'
import { type Handler, withRequest } from '#lib/http/with-request'
import { callerDatabase } from '#lib/service/database'

/** What a handler gets besides its inputs. `db` can see only the caller's rows. */
export interface AuthenticatedContext extends RequestContext {
  readonly caller: Caller
  readonly db: CallerDatabase
}

/**
 * Makes a route handler from an operation and a function. Before the function runs, it checks who
 * calls, that the path names no other user, and that the inputs of the operation are valid.
 */
export function withAuth<Taken extends Inputs>(
  operation: Operation<Taken>,
  handler: Handler<AuthenticatedContext & ValuesOf<Taken>>,
): OperationHandler {
  const answer = withRequest(async (context) => {
    const { RATE_LIMIT_ADDRESS } = env()
    if (RATE_LIMIT_ADDRESS !== undefined) limitAddress(context.request, RATE_LIMIT_ADDRESS)
    const caller = await identify(context)
    context.userId = caller.userId
    const { userId } = context.params
    if (userId !== undefined && userId !== caller.userId) throw otherUser(userId)
    const inputs = await readInputs(operation.inputs, { ...context, caller })
    const onPermit = (permit: Permit) => {
      context.permit = permit
    }
    const db = await callerDatabase(caller.userId, onPermit, () => context.request.signal)
    return await handler(Object.assign(context, inputs, { caller, db }))
  })
  return Object.assign(answer, { operation })
}

/** What people call a collection, a version or a folder. Better Auth's ids are longer or numbers. */
const word = /^[a-z][a-z_-]{0,19}\d{0,2}$/i

/** The 403 for a path that names somebody else, or that was not meant to name anybody. */
function otherUser(name: string | string[]): Problem {
  const detail = 'The path names another user than the token.'
  if (typeof name !== 'string' || !word.test(name)) return new Problem('other_user', detail)
  const remedy = `If ${name} is no user, the path is not as you mean it: /api/${name} is read as /api/{user_id}. Tasks are at /api/tasks, and TASKS_PATH gives them another path`
  return new Problem('other_user', `${detail} ${remedy}.`)
}

/** Authenticates the caller, and notes how long that took. */
async function identify(context: RequestContext): Promise<Caller> {
  const startedAt = performance.now()
  try {
    return await authenticate(context.request)
  } finally {
    context.authMs = performance.now() - startedAt
  }
}
