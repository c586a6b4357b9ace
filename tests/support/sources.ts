import { cpSync, globSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What Next builds the app from. Its packages are those of the repository. */
const sources = [
  ...['{app,lib,db,scripts}/**/*.{ts,js}', '{middleware,instrumentation,next.config}.ts'],
  ...['package.json', 'tsconfig.json'],
]

/**
 * Copies the sources of the Next app to a folder, which must be inside of the repository, where
 * Node finds the packages. `next dev` and `next build` lock the folder in which they run, and the
 * repository's own may be a developer's.
 */
export function copySources(folder: string): void {
  for (const path of globSync(sources)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    cpSync(path, join(folder, path))
  }
}

/** When a source of the app, or the list of its packages, was last changed. */
export function changedAt(): number {
  return Math.max(...[...globSync(sources), 'package-lock.json'].map(modifiedAt))
}

/** When a file was last changed; 0 where there is none. */
export function modifiedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
