import { isSet } from '#lib/config/env'
import { answerPreflight, isPreflight } from '#lib/http/cors'
import { methodNotAllowed, serviceOptions } from '#lib/http/methods'
import type { Params } from '#lib/http/request-context'
import { malformedHost, malformedPath, nothingHere, refuse } from '#server/refusals'
import { loadRoutes, type RouteFile } from '#server/routes'

const findRoute = await loadRoutes()
/** Brings prom-client along, so it is loaded only where it is wanted. */
const metrics = isSet('METRICS_TOKEN') ? await import('#server/metrics') : undefined

/** Answers a request as Next does with `middleware.ts` in front, by the same route files. */
export async function handle(request: Request): Promise<Response> {
  try {
    return isPreflight(request) ? answerPreflight(request) : await route(request)
  } catch (thrown) {
    // Thrown outside of every handler, it would end the process and whatever else is under way.
    return await refuse(thrown)(request)
  }
}

async function route(request: Request): Promise<Response> {
  const url = URL.parse(request.url)
  if (url === null) return await malformedHost(request)
  const segments = readSegments(url)
  if (segments === undefined) return await malformedPath(request)
  if (metrics !== undefined && segments.join('/') === 'metrics') {
    return await callMethod(request, metrics.metricsFile, {})
  }
  if (request.method === 'OPTIONS' && segments.join('/') === '*') {
    return await serviceOptions(request, { params: Promise.resolve({}) })
  }
  const match = segments.includes('') ? undefined : findRoute(segments)
  if (match === undefined) return await nothingHere(request)
  return await callMethod(request, match.file, match.params)
}

async function callMethod(request: Request, file: RouteFile, params: Params): Promise<Response> {
  const route = { params: Promise.resolve(params) }
  const handler =
    file[request.method === 'HEAD' ? 'GET' : request.method] ??
    (file.OPTIONS?.allow === undefined ? nothingHere : methodNotAllowed(file.OPTIONS.allow))
  const response = await handler(request, route)
  return request.method === 'HEAD' ? new Response(null, response) : response
}

/** The decoded parts of the path; a slash at its end makes no difference. */
function readSegments({ pathname }: URL): string[] | undefined {
  const path = pathname.replace(/^\//, '').replace(/(?<=[^/])\/$/, '')
  if (path === '') return []
  try {
    return path.split('/').map(decodeURIComponent)
  } catch {
    // The one thing that decodeURIComponent throws is a URIError.
    return undefined
  }
}
