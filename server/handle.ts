import { isSet } from '#lib/config/env'
import { pathNotFound } from '#lib/http/body'
import { answerPreflight, isPreflight } from '#lib/http/cors'
import { Problem } from '#lib/http/errors'
import { methodNotAllowed } from '#lib/http/methods'
import { type Params, withRequest } from '#lib/http/with-request'
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
    return await withRequest(() => {
      throw thrown
    })(request, noParams)
  }
}

async function route(request: Request): Promise<Response> {
  // Node takes a Host that no URL can have.
  const url = URL.parse(request.url)
  if (url === null) return await malformedHost(request, noParams)
  const segments = readSegments(url)
  if (segments === undefined) return await malformedPath(request, noParams)
  if (metrics !== undefined && segments.join('/') === 'metrics') {
    return await callMethod(request, metrics.metricsFile, {})
  }
  const match = segments.includes('') ? undefined : findRoute(segments)
  if (match === undefined) return await nothingHere(request, noParams)
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

/** As Next gives them to `[...path]`, so that the log shows no made-up route. */
const noParams = { params: Promise.resolve({ path: [] }) }

const malformedHost = withRequest(() => {
  throw new Problem('malformed_request', 'The Host header is no host.')
})

const malformedPath = withRequest(() => {
  throw new Problem('malformed_path', 'The path has a percent sign that encodes nothing.')
})

const nothingHere = withRequest(() => {
  throw pathNotFound()
})
