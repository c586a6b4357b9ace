import { tracingChannel } from 'node:diagnostics_channel'
import type { Permit } from '#db/rate-limit'
import { type Problem, problemResponse, toProblem } from '#lib/errors'
import { log } from '#lib/log'
import { addRateLimitHeaders } from '#lib/rate-limit-headers'
import { routePattern } from '#lib/route-pattern'
import { standingHeaders, transportSecurity } from '#lib/standing-headers'

export type Params = Readonly<Record<string, string | string[] | undefined>>

/** A method of a route file, as the hosts call it. For a path without parameters Next gives none. */
export type RouteHandler = (
  request: Request,
  route: { params: Promise<Params | undefined> },
) => Promise<Response>

export interface RequestContext {
  readonly request: Request
  readonly params: Params
  readonly requestId: string
  /** The pattern of the path: few values, and none that a client made up. */
  readonly route: string
  /** By the clock of `performance.now()`. */
  readonly startedAt: number
  /** The user that the request turned out to come from, for the log. */
  userId?: string
  /** What the request left of the user's rate limit, once the database has counted it. */
  permit?: Permit
  /** How long its credentials took, in milliseconds. */
  authMs?: number
  /** What it is refused with. */
  problem?: Problem
  /** The ids of its span, for the log. */
  trace?: Readonly<Record<'trace_id' | 'span_id', string>>
}

/** A request with its answer, whose headers may still be added to. */
export type AnsweredRequest = RequestContext & { readonly result: Response }

/** Tells of every request, whoever watches. Nobody who watches, nothing paid. */
export const requests = tracingChannel<unknown, RequestContext>('todo-backend:request')

const plainId = /^[\w.:=/+@-]{1,128}$/

/**
 * Wraps what answers a request: gives it an id, turns whatever is thrown into a problem document,
 * puts the headers of every response on it, and logs it.
 */
export function withRequest(
  answer: (context: RequestContext) => Response | Promise<Response>,
): RouteHandler {
  return async (request, route) => {
    const startedAt = performance.now()
    const params = (await route.params) ?? {}
    const context: RequestContext = {
      request,
      params,
      requestId: requestIdOf(request),
      route: routePattern(new URL(request.url).pathname, params),
      startedAt,
    }
    return await requests.tracePromise(() => respond(answer, context), context)
  }
}

async function respond(
  answer: (context: RequestContext) => Response | Promise<Response>,
  context: RequestContext,
): Promise<Response> {
  const { request, requestId, startedAt } = context
  let response: Response
  try {
    response = await answer(context)
  } catch (thrown) {
    context.problem = toProblem(thrown)
    logProblem(context.problem, context)
    response = problemResponse(context.problem, requestId)
  }
  for (const [name, value] of standingHeaders) {
    if (!response.headers.has(name)) response.headers.set(name, value)
  }
  addRateLimitHeaders(response, context.permit)
  if (isSecure(request)) response.headers.set(...transportSecurity)
  response.headers.set('x-request-id', requestId)
  if (!log().isLevelEnabled('info')) return response
  log().info({
    event: 'request',
    ...fieldsOf(context),
    status: response.status,
    durationMs: Math.round((performance.now() - startedAt) * 100) / 100,
  })
  return response
}

/** The incoming id where it is plain, so that a frontend can follow its request; else a new one. */
function requestIdOf(request: Request): string {
  const incoming = request.headers.get('x-request-id')
  return incoming !== null && plainId.test(incoming) ? incoming : crypto.randomUUID()
}

function isSecure(request: Request): boolean {
  const forwarded = request.headers.get('x-forwarded-proto')
  return forwarded === null ? request.url.startsWith('https:') : /^https\b/.test(forwarded)
}

function logProblem({ code, status, detail, cause }: Problem, context: RequestContext) {
  const fields = fieldsOf(context)
  if (status >= 500) {
    log().error({ event: 'fault', code, ...fields, err: cause ?? context.problem })
  } else if ((status === 401 && code !== 'credentials_missing') || status === 403) {
    log().warn({ event: 'refused', code, reason: detail, ...fields })
  }
}

function fieldsOf({ requestId, request, route, userId, trace }: RequestContext) {
  return { requestId, method: request.method, route, userId, ...trace }
}
