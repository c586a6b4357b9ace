import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The parts of Vercel's Build Output API that requests for this app use. */
interface Route {
  readonly handle?: string
  readonly src?: string
  readonly dest?: string
  readonly continue?: boolean
  readonly has?: Condition[]
  readonly missing?: Condition[]
  readonly middlewarePath?: string
}

interface Condition {
  readonly key: string
  readonly value?: string
}

type Headers = Readonly<Record<string, unknown>>

/** What Vercel's proxy does with a request. */
export interface Routed {
  /** Asked first, and answers if it wants to. */
  readonly middleware: string | undefined
  /** The folder of the function that answers, if there is one. */
  readonly function?: string
  /** How Next is told which of its routes that is. */
  readonly matchedPath?: string
  /** With the parameters that the path's pattern found. */
  readonly url?: string
}

/**
 * Reads the routes of an output of Vercel's builder.
 *
 * @returns what to do with a request for a path and query, by the order that Vercel documents:
 *   the first routes, then functions of that name, then patterns that name a function. Static files
 *   are left out: the app has none
 */
export function readRoutes(folder: string) {
  const config: { routes: Route[] } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
  const indexOf = (wanted: string) => config.routes.findIndex(({ handle }) => handle === wanted)
  const first = config.routes.slice(0, indexOf('filesystem'))
  const patterns = config.routes.slice(indexOf('rewrite') + 1, indexOf('hit'))

  function find(path: string): Pick<Routed, 'function' | 'matchedPath'> | undefined {
    const name = path.replace(/^\/|\/$/g, '') || 'index'
    const handler = join(folder, 'functions', `${name}.func`)
    if (!existsSync(handler)) return undefined
    return { function: handler, matchedPath: path.replace(/(.)\/$/, '$1') }
  }

  return function route(url: string, headers: Headers): Routed {
    const [original = '', query = ''] = url.split(/\?(.*)/s)
    let path = original
    let middleware: string | undefined
    for (const each of first) {
      const match = matching(each, path, headers)
      if (match === null) continue
      middleware ??= each.middlewarePath
      if (each.dest !== undefined) path = fill(each.dest, match)
      if (each.continue !== true) break
    }
    const named = find(path)
    if (named !== undefined) return { middleware, url, ...named }
    for (const each of patterns) {
      const match = matching(each, path, headers)
      if (match === null || each.dest === undefined) continue
      const [destination = '', parameters = ''] = fill(each.dest, match).split('?')
      const found = find(destination)
      const joined = [query, parameters].filter((part) => part !== '').join('&')
      if (found !== undefined) return { middleware, url: `${original}?${joined}`, ...found }
    }
    return { middleware }
  }
}

function matching({ src, has = [], missing = [] }: Route, path: string, headers: Headers) {
  const holds = ({ key, value = '.*' }: Condition) =>
    typeof headers[key] === 'string' && new RegExp(`^(?:${value})$`).test(headers[key])
  if (src === undefined || !has.every(holds) || missing.some(holds)) return null
  // Vercel matches the whole path, in any letter case.
  return new RegExp(src.startsWith('^') ? src : `^${src}$`, 'i').exec(path)
}

/** Puts groups into `/$path` and `/$1`; in the query they are values, which a path may not end. */
function fill(destination: string, { groups, ...match }: RegExpExecArray): string {
  const [path = '', ...query] = destination.split('?')
  const put = (text: string, ends: RegExp) =>
    text.replaceAll(/\$(\w+)/g, (_, name: string) =>
      (groups?.[name] ?? match[Number(name)] ?? '').replaceAll(ends, encodeURIComponent),
    )
  return [put(path, /(?!)/g), ...query.map((part) => put(part, /[&+#]/g))].join('?')
}
