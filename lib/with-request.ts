import type { Permit } from '#db/rate-limit'
import { type Problem, problemResponse, toProblem } from '#lib/errors'
import { log } from '#lib/log'
import { addRateLimitHeaders } from '#lib/rate-limit-headers'
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
  /** The user that the request turned out to come from, for the log. */
  userId?: string
  /** What the request left of the user's rate limit, once the database has counted it. */
  permit?: Permit
}

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
    const context: RequestContext = {
      request,
      params: (await route.params) ?? {},
      requestId: requestIdOf(request),
    }
    let response: Response
    try {
      response = await answer(context)
    } catch (thrown) {
      const problem = toProblem(thrown)
      logProblem(problem, context)
      response = problemResponse(problem, context.requestId)
    }
    for (const [name, value] of standingHeaders) {
      if (!response.headers.has(name)) response.headers.set(name, value)
    }
    addRateLimitHeaders(response, context.permit)
    if (isSecure(request)) response.headers.set(...transportSecurity)
    response.headers.set('x-request-id', context.requestId)
    logRequest(context, response.status, startedAt)
    return response
  }
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

function logRequest(
  { request, params, requestId, userId }: RequestContext,
  status: number,
  startedAt: number,
) {
  if (!log().isLevelEnabled('info')) return
  log().info({
    event: 'request',
    requestId,
    method: request.method,
    route: routePattern(request, params),
    status,
    durationMs: Math.round((performance.now() - startedAt) * 100) / 100,
    userId,
  })
}

function logProblem(problem: Problem, { request, params, requestId, userId }: RequestContext) {
  const { code, status, detail, cause } = problem
  const fields = { requestId, method: request.method, route: routePattern(request, params), userId }
  if (status >= 500) {
    log().error({ event: 'fault', code, ...fields, err: cause ?? problem })
  } else if ((status === 401 && code !== 'credentials_missing') || status === 403) {
    log().warn({ event: 'refused', code, reason: detail, ...fields })
  }
}

/** `/api/{userId}/tasks/{id}` for a path that these parameters were read from. */
function routePattern(request: Request, params: Params): string {
  const { pathname } = new URL(request.url)
  const names = new Map<string, string>()
  for (const [name, value] of Object.entries(params)) {
    if (typeof value !== 'string') return '(unknown path)'
    names.set(encodeURIComponent(value), `{${name}}`)
  }
  if (names.size === 0) return pathname
  return pathname
    .split('/')
    .map((part) => names.get(part) ?? part)
    .join('/')
}
