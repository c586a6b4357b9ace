/**
 * What Vercel runs as the build: migrates where the deployment has a database, then builds. So the
 * schema is there before the first function that needs it, and a migration that fails keeps the
 * deployment that runs now.
 */
import { execFileSync } from 'node:child_process'
import { isSet } from '#lib/env'

const run = (script: string) => execFileSync('npm', ['run', script], { stdio: 'inherit' })

if (isSet('DATABASE_URL')) run('db:migrate')
else console.log('DATABASE_URL is not set for this deployment: it is built without a migration.')
run('build')
