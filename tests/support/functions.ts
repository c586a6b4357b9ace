import { cpSync, globSync, mkdtempSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'

/** What a build makes of a route file, and all that a host must bring along with it. */
export interface BuiltFunction {
  /** The module, such as `.next/server/app/health/route.js`. */
  readonly module: string
  /** The module and what Next traced from it. */
  readonly files: readonly string[]
  readonly bytes: number
}

/** The functions of the last build: one for each route file, the start and the middleware. */
export function builtFunctions(): BuiltFunction[] {
  const traces = '.next/server/{app/**/route,instrumentation,middleware}.js.nft.json'
  return globSync(traces)
    .sort()
    .map((trace) => {
      const module = trace.replace(/\.nft\.json$/, '')
      const files = [module, ...readTrace(trace)]
      return { module, files, bytes: files.reduce((sum, file) => sum + sizeOf(file), 0) }
    })
}

/** Next's own server, with what it reads of a build; Vercel puts it beside each function. */
export function serverFiles(): string[] {
  const manifest = JSON.parse(readFileSync('.next/required-server-files.json', 'utf8'))
  return [...readTrace('.next/next-server.js.nft.json'), ...(manifest as { files: string[] }).files]
}

/** Copies files of this repository to where nothing else is. @returns the new folder */
export function copyElsewhere(files: Iterable<string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'todo-function-'))
  for (const file of new Set(files)) {
    cpSync(file, join(folder, file), { recursive: true, verbatimSymlinks: true })
  }
  return folder
}

function readTrace(path: string): string[] {
  const { files } = JSON.parse(readFileSync(path, 'utf8')) as { files: string[] }
  return files.map((file) => relative('.', resolve(dirname(path), file)))
}

function sizeOf(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false })
  return found?.isFile() === true ? found.size : 0
}
