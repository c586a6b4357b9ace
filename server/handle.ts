import { addRoute, createRouter } from 'rou3'
import { compileRouter } from 'rou3/compiler'
import { routeFiles } from '#app/route-files'
import { env } from '#lib/config/env'
import { answerPreflight, isPreflight } from '#lib/http/cors'
import { methodNotAllowed, type RouteFile, serviceOptions } from '#lib/http/methods'
import type { Params } from '#lib/http/request-context'
import { withTasksPath } from '#lib/tasks/tasks-path'
import { malformedPath, nothingHere, noValidUrl } from '#server/refusals'

const router = createRouter<RouteFile>()
const served = withTasksPath(routeFiles, env().TASKS_PATH)
for (const [path, load] of Object.entries(served)) {
  // `{id}` in the API document is `:id` for the router.
  addRoute(router, '', path.replaceAll(/\{(\w+)\}/g, ':$1'), await load())
}
/** It imports prom-client, so it is loaded only if metrics are wanted. */
if (env().METRICS_TOKEN !== undefined) {
  addRoute(router, '', '/metrics', (await import('#server/metrics')).metricsFile)
}
/** Compiled, since to look a path up in the tree costs as much as to send a transaction. */
const findRoute = compileRouter(router)

/**
 * Answers a request with the same route files as Next, and preflights like `middleware.ts`.
 *
 * @param url undefined if the request has no valid one
 */
export async function handle(request: Request, url: URL | undefined): Promise<Response> {
  if (url === undefined) return await noValidUrl(request)
  return isPreflight(request) ? answerPreflight(request) : await route(request, url)
}

function route(request: Request, url: URL): Promise<Response> {
  const { pathname } = url
  if (request.method === 'OPTIONS' && pathname === '/*') {
    return serviceOptions(request, { params: Promise.resolve({}), url })
  }
  const isEncoded = pathname.includes('%')
  if (isEncoded && !isDecodable(pathname)) return malformedPath(request)
  const { data, params = {} } = findRoute('', pathname) ?? {}
  if (data === undefined) return nothingHere(request)
  return callMethod(request, url, data, isEncoded ? decode(params) : params)
}

function decode(params: Readonly<Record<string, string>>): Params {
  const decoded = Object.entries(params).map(([name, value]) => [name, decodeURIComponent(value)])
  return Object.fromEntries(decoded)
}

function callMethod(
  request: Request,
  url: URL,
  file: RouteFile,
  params: Params,
): Promise<Response> {
  const { method } = request
  const handler =
    file[method === 'HEAD' ? 'GET' : method] ??
    (file.OPTIONS?.allow === undefined ? nothingHere : methodNotAllowed(file.OPTIONS.allow))
  const answer = handler(request, { params: Promise.resolve(params), url })
  return method === 'HEAD' ? answer.then((response) => new Response(null, response)) : answer
}

/** Whether each percent sign is followed by the code of a character. */
function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    // decodeURIComponent throws only a URIError.
    return false
  }
}
