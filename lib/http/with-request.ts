import { STATUS_CODES } from 'node:http'
import { isDatabaseError } from '#db/errors'
import { isBuiltOnVercel } from '#lib/config/env'
import {
  type Answer,
  rateLimitHeaders,
  standingHeaders,
  toBody,
  transportSecurity,
} from '#lib/http/answer'
import { corsHeaders } from '#lib/http/cors'
import { malformedUrl, type Problem, problemAnswer, toProblem } from '#lib/http/errors'
import { lastResort } from '#lib/http/last-resort'
import { type Params, type RequestContext, requests } from '#lib/http/request-context'
import { routeOf } from '#lib/http/route-pattern'
import { log } from '#lib/log'
import { startWithRequest } from '#lib/service/start'

/**
 * A method of a route file, as the hosts call it. Next gives no `params` if the path has none. Plain
 * Node has parsed the URL already.
 */
export type RouteHandler = (
  request: Request,
  route: { params: Promise<Params | undefined>; url?: URL },
) => Promise<Response>

/** Answers a request, or throws the problem that it is answered with. */
export type Handler<Context extends RequestContext> = (context: Context) => Answer | Promise<Answer>

/** Stands for a URL that is not valid. */
export const noUrl = new URL('http://invalid/')
const plainId = /^[\w.:=/+@-]{1,128}$/

/**
 * Wraps a handler: gives the request an id, turns anything thrown into a problem document, adds the
 * headers of every response, and writes the log line.
 */
export function withRequest(handler: Handler<RequestContext>): RouteHandler {
  return async (request, route) => {
    try {
      if (isBuiltOnVercel) await startWithRequest()
      const url = route.url ?? URL.parse(request.url)
      const context: RequestContext = {
        request,
        url: url ?? noUrl,
        params: (await route.params) ?? {},
        requestId: requestIdOf(request),
        startedAt: performance.now(),
      }
      const answer = url === null ? refuseUrl : handler
      // Whoever watches gets an answer in any case, and none throws for want of one.
      const respondAtLast = () => respond(answer, context).catch(answerLast)
      return await requests.tracePromise(respondAtLast, context)
    } catch (thrown) {
      return answerLast(thrown)
    }
  }
}

function answerLast(thrown: unknown): Response {
  const { body, ...init } = lastResort(thrown)
  return new Response(toBody(body), init)
}

function refuseUrl(): never {
  throw malformedUrl()
}

async function respond(
  handler: Handler<RequestContext>,
  context: RequestContext,
): Promise<Response> {
  let answer: Answer
  try {
    answer = await handler(context)
  } catch (thrown) {
    answer = toAnswer(thrown, context)
  }
  const { request, url, requestId, startedAt } = context
  const { status = 200, body = null } = answer
  const response = new Response(toBody(body), {
    status,
    // Without it srvx would send an empty status text, which some frontends show.
    statusText: STATUS_CODES[status] ?? '',
    headers: {
      ...standingHeaders,
      ...answer.headers,
      ...rateLimitHeaders(answer, context.permit),
      ...(isSecure(request, url) && transportSecurity),
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

function toAnswer(thrown: unknown, context: RequestContext): Answer {
  context.problem = toProblem(thrown)
  logProblem(context.problem, context)
  return problemAnswer(context.problem, context.requestId)
}

/**
 * The id of the request: `X-Request-Id` if it is harmless, so that a frontend can follow its
 * request, or else a new one.
 */
function requestIdOf(request: Request): string {
  const incoming = request.headers.get('x-request-id')
  return incoming !== null && plainId.test(incoming) ? incoming : crypto.randomUUID()
}

/** Behind several proxies, the first of a list is the protocol that the client used. */
function isSecure(request: Request, { protocol }: URL): boolean {
  const forwarded = request.headers.get('x-forwarded-proto')
  return forwarded === null ? protocol === 'https:' : /^https\b/.test(forwarded)
}

function logProblem({ code, status, detail, cause }: Problem, context: RequestContext) {
  if (status >= 500) {
    log().error({ event: 'fault', code, ...fieldsOf(context), err: cause ?? context.problem })
  } else if ((status === 401 && code !== 'credentials_missing') || status === 403) {
    const because = isDatabaseError(cause) ? cause.message : undefined
    log().warn({ event: 'refused', code, reason: detail, because, ...fieldsOf(context) })
  }
}

function fieldsOf(context: RequestContext) {
  const { requestId, request, userId, trace } = context
  return { requestId, method: request.method, route: routeOf(context), userId, ...trace }
}
