import { globSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { OptionsHandler } from '#lib/http/methods'
import type { Params, RouteHandler } from '#lib/http/with-request'

/** What a route file exports: a handler for each method. */
export type RouteFile = Readonly<Record<string, RouteHandler | undefined>> & {
  readonly OPTIONS?: OptionsHandler
}

export interface RouteMatch {
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

/**
 * Loads every `app/**` route file and returns what finds the one for a path, given as its decoded
 * segments. As in Next, a fixed segment wins over `[name]`, and that over `[...name]`.
 */
export async function loadRoutes(): Promise<(segments: string[]) => RouteMatch | undefined> {
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

function find(branch: Branch, segments: string[], params: Params): RouteMatch | undefined {
  const [segment, ...deeper] = segments
  if (segment === undefined) return branch.file && { file: branch.file, params }
  const { named, rest } = branch
  const next = branch.fixed.get(segment)
  return (
    (next && find(next, deeper, params)) ??
    (named && find(named.branch, deeper, { ...params, [named.name]: segment })) ??
    (rest && { file: rest.file, params: { ...params, [rest.name]: segments } })
  )
}
