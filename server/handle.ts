import { globSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isSet } from '#lib/config/env'
import { answerPreflight, isPreflight } from '#lib/http/cors'
import { methodNotAllowed, type RouteFile, serviceOptions } from '#lib/http/methods'
import type { Params } from '#lib/http/request-context'
import { malformedPath, nothingHere, noValidUrl } from '#server/refusals'

interface RouteMatch {
  readonly file: RouteFile
  readonly params: Params
}

interface Branch {
  readonly fixed: Map<string, Branch>
  named?: { readonly name: string; readonly branch: Branch }
  rest?: { readonly name: string; readonly file: RouteFile }
  file?: RouteFile
}

const root = join(import.meta.dirname, '..', 'app')

const findRoute = await loadRoutes()
/** It imports prom-client, so it is loaded only if metrics are wanted. */
const metrics = isSet('METRICS_TOKEN') ? await import('#server/metrics') : undefined

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
  const segments = readSegments(url)
  if (segments === undefined) return malformedPath(request)
  if (metrics !== undefined && segments.join('/') === 'metrics') {
    return callMethod(request, url, metrics.metricsFile, {})
  }
  if (request.method === 'OPTIONS' && segments.join('/') === '*') {
    return serviceOptions(request, { params: Promise.resolve({}), url })
  }
  const match = segments.includes('') ? undefined : findRoute(segments)
  if (match === undefined) return nothingHere(request)
  return callMethod(request, url, match.file, match.params)
}

function callMethod(
  request: Request,
  url: URL,
  file: RouteFile,
  params: Params,
): Promise<Response> {
  const { method } = request
  const route = { params: Promise.resolve(params), url }
  const handler =
    file[method === 'HEAD' ? 'GET' : method] ??
    (file.OPTIONS?.allow === undefined ? nothingHere : methodNotAllowed(file.OPTIONS.allow))
  const answer = handler(request, route)
  return method === 'HEAD' ? answer.then((response) => new Response(null, response)) : answer
}

/** The decoded segments of the path. A slash at its end makes no difference. */
function readSegments({ pathname }: URL): string[] | undefined {
  if (pathname === '/') return []
  const segments = pathname.slice(1).split('/')
  if (segments.length > 1 && segments.at(-1) === '') segments.pop()
  if (!pathname.includes('%')) return segments
  try {
    return segments.map(decodeURIComponent)
  } catch {
    // decodeURIComponent throws only a URIError: the path has a malformed percent sign.
    return undefined
  }
}

/**
 * Loads every route file of `app/`, and returns a function that finds the one for a path. The
 * function takes the decoded segments of the path. As in Next, a fixed segment wins over `[name]`,
 * and `[name]` over `[...name]`.
 */
async function loadRoutes(): Promise<(segments: string[]) => RouteMatch | undefined> {
  const top: Branch = { fixed: new Map() }
  for (const path of globSync('**/route.ts', { cwd: root })) {
    const file: RouteFile = await import(pathToFileURL(join(root, path)).href)
    const folder = dirname(path)
    addRoute(top, folder === '.' ? [] : folder.split(sep), file)
  }
  return (segments) => find(top, segments, {})
}

function addRoute(branch: Branch, folders: string[], file: RouteFile): void {
  const [folder, ...deeper] = folders
  if (folder === undefined) {
    branch.file = file
    return
  }
  const [, dots, name] = /^\[(\.\.\.)?(\w+)\]$/.exec(folder) ?? []
  if (name === undefined) {
    const next = branch.fixed.get(folder) ?? { fixed: new Map() }
    branch.fixed.set(folder, next)
    addRoute(next, deeper, file)
  } else if (dots === undefined) {
    branch.named ??= { name, branch: { fixed: new Map() } }
    addRoute(branch.named.branch, deeper, file)
  } else {
    branch.rest = { name, file }
  }
}

/** @param from the first segment that this branch is to match */
function find(
  branch: Branch,
  segments: string[],
  params: Params,
  from = 0,
): RouteMatch | undefined {
  const segment = segments[from]
  if (segment === undefined) return branch.file && { file: branch.file, params }
  const { named, rest } = branch
  const next = branch.fixed.get(segment)
  return (
    (next && find(next, segments, params, from + 1)) ??
    (named && find(named.branch, segments, { ...params, [named.name]: segment }, from + 1)) ??
    (rest && { file: rest.file, params: { ...params, [rest.name]: segments.slice(from) } })
  )
}
