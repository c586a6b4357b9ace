/**
 * What Vercel runs as the build: migrates where the deployment has a database, then builds. So the
 * schema is there before the first function that needs it, and a migration that fails keeps the
 * deployment that runs now.
 */
import { spawnSync } from 'node:child_process'
import { isSet } from '#lib/config/env'

if (isSet('DATABASE_URL')) {
  run('db:migrate')
} else if (isSet('VERCEL_ENV', 'production')) {
  console.error('DATABASE_URL is not set for Production: its functions could not start.')
  process.exit(1)
} else {
  console.log('DATABASE_URL is not set for this deployment: it is built without a migration.')
}
run('build')

/** What failed has said why, so nothing is added to it. */
function run(script: string): void {
  const { status } = spawnSync('npm', ['run', script], { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
