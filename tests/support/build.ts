import { execFileSync } from 'node:child_process'
import { globSync, statSync } from 'node:fs'

const sources = '{app,lib,db}/**/*.ts'
const others = ['middleware.ts', 'instrumentation.ts', 'next.config.ts', 'package-lock.json']

/** Builds the Next app, unless the build that is there is newer than every source. */
export function buildNext(): void {
  const builtAt = modifiedAt('.next/BUILD_ID')
  const changedAt = Math.max(...[...globSync(sources), ...others].map(modifiedAt))
  if (builtAt > changedAt) return
  execFileSync('npm', ['run', 'build'], { stdio: ['ignore', 'ignore', 'inherit'] })
}

function modifiedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
