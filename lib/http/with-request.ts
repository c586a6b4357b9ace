import { tracingChannel } from 'node:diagnostics_channel'
import type { Permit } from '#db/rate-limit'
import type { Answer } from '#lib/http/answer'
import { corsHeaders } from '#lib/http/cors'
import { type Problem, problemAnswer, toProblem } from '#lib/http/errors'
import { rateLimitHeaders } from '#lib/http/rate-limit-headers'
import { routeOf } from '#lib/http/route-pattern'
import { standingHeaders, transportSecurity } from '#lib/http/standing-headers'
import { log } from '#lib/log'

export type Params = Readonly<Record<string, string | string[] | undefined>>

/** A method of a route file, as the hosts call it. For a path without parameters Next gives none. */
export type RouteHandler = (
  request: Request,
  route: { params: Promise<Params | undefined> },
) => Promise<Response>

/** Answers a request, or throws the problem with it. */
export type Handler<Context extends RequestContext> = (context: Context) => Answer | Promise<Answer>

export interface RequestContext {
  readonly request: Request
  readonly params: Params
  readonly requestId: string
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
export function withRequest(handler: Handler<RequestContext>): RouteHandler {
  return async (request, route) => {
    const context: RequestContext = {
      request,
      params: (await route.params) ?? {},
      requestId: requestIdOf(request),
      startedAt: performance.now(),
    }
    return await requests.tracePromise(() => respond(handler, context), context)
  }
}

async function respond(
  handler: Handler<RequestContext>,
  context: RequestContext,
): Promise<Response> {
  const answer = await answerOf(handler, context)
  const { request, requestId, startedAt } = context
  const { status = 200, body = null } = answer
  const response = new Response(body, {
    status,
    headers: {
      ...standingHeaders,
      ...answer.headers,
      ...rateLimitHeaders(answer, context.permit),
      ...(isSecure(request) && transportSecurity),
      ...corsHeaders(request),
      'x-request-id': requestId,
    },
  })
  if (!log().isLevelEnabled('info')) return response
  log().info({
    event: 'request',
    ...fieldsOf(context),
    status,
    durationMs: Math.round((performance.now() - startedAt) * 100) / 100,
  })
  return response
}

async function answerOf(
  handler: Handler<RequestContext>,
  context: RequestContext,
): Promise<Answer> {
  try {
    return await handler(context)
  } catch (thrown) {
    context.problem = toProblem(thrown)
    logProblem(context.problem, context)
    return problemAnswer(context.problem, context.requestId)
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

function logProblem({ code, status, detail, cause }: Problem, context: RequestContext) {
  if (status >= 500) {
    log().error({ event: 'fault', code, ...fieldsOf(context), err: cause ?? context.problem })
  } else if ((status === 401 && code !== 'credentials_missing') || status === 403) {
    log().warn({ event: 'refused', code, reason: detail, ...fieldsOf(context) })
  }
}

function fieldsOf(context: RequestContext) {
  const { requestId, request, userId, trace } = context
  return { requestId, method: request.method, route: routeOf(context), userId, ...trace }
}
