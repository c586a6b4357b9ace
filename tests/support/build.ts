import { execFile } from 'node:child_process'
import { globSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const sources = '{app,lib,db}/**/*.ts'
const others = ['middleware.ts', 'instrumentation.ts', 'next.config.ts', 'package-lock.json']

/** Shared by every project of a run: each loads this module for itself. */
const shared = globalThis as typeof globalThis & { todoBuild?: Promise<void> }

/**
 * Builds the Next app, once for a run, unless the build that is there is newer than every source.
 * The module is the `globalSetup` of each project that starts what was built.
 */
export async function buildNext(): Promise<void> {
  shared.todoBuild ??= build()
  await shared.todoBuild
}

export default buildNext

async function build(): Promise<void> {
  while (!isBuilt()) {
    try {
      await promisify(execFile)('npm', ['run', 'build'])
    } catch (error) {
      // Next holds a lock on the folder. Whoever has it may be building what this run needs.
      if (!/process is already running/.test(String(error))) throw error
      await sleep(500)
    }
  }
}

function isBuilt(): boolean {
  return modifiedAt('.next/BUILD_ID') > changedAt()
}

/** When a source of the app was last changed. */
export function changedAt(): number {
  return Math.max(...[...globSync(sources), ...others].map(modifiedAt))
}

function modifiedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
