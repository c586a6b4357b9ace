import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The parts of Vercel's Build Output API that the output of this app uses. */
interface Route {
  readonly handle?: string
  readonly src?: string
  readonly dest?: string
  readonly status?: number
  readonly continue?: boolean
  readonly check?: boolean
  readonly has?: Condition[]
  readonly missing?: Condition[]
  readonly middlewarePath?: string
}

interface Condition {
  readonly type: string
  readonly key: string
  readonly value?: string
}

/** What Vercel's proxy does with a request. */
export interface Routed {
  /** Asked first, and answers if it wants to. */
  readonly middleware: string | undefined
  readonly status: number | undefined
  /** The folder of the function that answers. */
  readonly function?: string
  /** How Next is told which of its routes that is. */
  readonly matchedPath?: string
  /** With the parameters that the path's pattern found. */
  readonly url?: string
  /** The file that is the answer, where no function is asked. */
  readonly file?: string
}

/**
 * Reads the routes of an output of Vercel's builder.
 *
 * @returns what to do with a request for a path and query, by the order that Vercel documents:
 *   the first routes, then files and functions of that name, then patterns that name a function
 */
export function readRoutes(folder: string) {
  const { routes, overrides = {} } = JSON.parse(
    readFileSync(join(folder, 'config.json'), 'utf8'),
  ) as { routes: Route[]; overrides?: Record<string, { path?: string }> }
  const first = routes.slice(0, firstOf(routes, 'filesystem'))
  const patterns = routes.slice(firstOf(routes, 'rewrite') + 1, firstOf(routes, 'hit'))
  const pages = new Map(Object.entries(overrides).map(([file, { path }]) => [path ?? file, file]))

  function find(path: string): Pick<Routed, 'function' | 'file' | 'matchedPath'> | undefined {
    const name = path.replace(/^\/|\/$/g, '') || 'index'
    const handler = join(folder, 'functions', `${name}.func`)
    if (existsSync(handler)) return { function: handler, matchedPath: path.replace(/(.)\/$/, '$1') }
    const file = join(folder, 'static', pages.get(name) ?? name)
    return name !== 'index' && existsSync(file) ? { file } : undefined
  }

  return function route(url: string, headers: Readonly<Record<string, unknown>>): Routed {
    const [original = '', query = ''] = url.split(/\?(.*)/s)
    let path = original
    let middleware: string | undefined
    let status: number | undefined
    for (const each of first) {
      const match = matching(each, path, headers)
      if (match === null) continue
      middleware ??= each.middlewarePath
      status ??= each.status
      if (each.dest !== undefined) path = fill(each.dest, match)
      if (each.continue !== true) break
    }
    const named = find(path)
    if (named !== undefined) return { middleware, status, url, ...named }
    for (const each of patterns) {
      const match = matching(each, path, headers)
      if (match === null || each.dest === undefined) continue
      const [destination = '', parameters = ''] = fill(each.dest, match).split('?')
      const found = find(destination)
      const joined = [query, parameters].filter((part) => part !== '').join('&')
      if (found !== undefined) return { middleware, status, url: `${original}?${joined}`, ...found }
    }
    return { middleware, status: 404 }
  }
}

function firstOf(routes: readonly Route[], handle: string): number {
  return routes.findIndex((route) => route.handle === handle)
}

function matching(
  { src, has = [], missing = [] }: Route,
  path: string,
  headers: Readonly<Record<string, unknown>>,
): RegExpExecArray | null {
  const holds = ({ key, value }: Condition) =>
    typeof headers[key] === 'string' &&
    (value === undefined || new RegExp(`^(?:${value})$`).test(headers[key]))
  if (src === undefined || !has.every(holds) || missing.some(holds)) return null
  // Vercel matches the whole path, in any letter case.
  return new RegExp(src.startsWith('^') ? src : `^${src}$`, 'i').exec(path)
}

/** Puts groups into `/$path` and `/$1`; in the query they are values. */
function fill(destination: string, match: RegExpExecArray): string {
  const [path = '', query] = destination.split('?')
  const put = (text: string, encode: (value: string) => string) =>
    text.replaceAll(/\$(\w+)/g, (_, name: string) =>
      encode(match.groups?.[name] ?? match[Number(name)] ?? ''),
    )
  const plain = put(path, (value) => value)
  return query === undefined ? plain : `${plain}?${put(query, asQueryValue)}`
}

/** A path may hold what ends a value of a query. */
function asQueryValue(value: string): string {
  return value.replaceAll('&', '%26').replaceAll('+', '%2B').replaceAll('#', '%23')
}
