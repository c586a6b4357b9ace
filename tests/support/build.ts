import { execFileSync } from 'node:child_process'
import { globSync, statSync } from 'node:fs'

const sources = '{app,lib,db}/**/*.ts'
const others = ['middleware.ts', 'instrumentation.ts', 'next.config.ts', 'package-lock.json']

/** Builds the Next app, unless the build that is there is newer than every source. */
export function buildNext(): void {
  if (modifiedAt('.next/BUILD_ID') > changedAt()) return
  execFileSync('npm', ['run', 'build'], { stdio: ['ignore', 'ignore', 'inherit'] })
}

/** When a source of the app was last changed. */
export function changedAt(): number {
  return Math.max(...[...globSync(sources), ...others].map(modifiedAt))
}

function modifiedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
