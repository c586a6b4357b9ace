import { execFile } from 'node:child_process'
import { cpSync, globSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const next = join(import.meta.dirname, '../../node_modules/next/dist/bin/next')

/**
 * Builds the Next app in a folder of its own, unless the build that is there is newer than every
 * source. @returns the folder, for `next start`
 */
export async function buildNext(folder = '.data/next-build'): Promise<string> {
  if (modifiedAt(join(folder, '.next/BUILD_ID')) > changedAt()) return folder
  rmSync(folder, { recursive: true, force: true })
  copySources(folder)
  const env = { ...process.env, NODE_ENV: 'production' as const, NEXT_TELEMETRY_DISABLED: '1' }
  await promisify(execFile)(process.execPath, [next, 'build'], { cwd: folder, env })
  return folder
}

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
  for (const path of globSync(sources)) cpSync(path, join(folder, path))
}

/** When a source of the app, or the list of its packages, was last changed. */
export function changedAt(): number {
  return Math.max(...[...globSync(sources), 'package-lock.json'].map(modifiedAt))
}

/** When a file was last changed; 0 where there is none. */
export function modifiedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
