import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { changedAt, copySources, modifiedAt } from '#tests/support/sources'

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
