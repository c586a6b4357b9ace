/**
 * Vercel's build command. If the deployment has a database, it migrates before it builds. So the
 * schema is there before the functions that need it, and after a failed migration the running
 * deployment stays in place.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { hasValue, isSet } from '#lib/config/env'
import { compressedFolder, packageFolder, swaggerUiFiles } from '#lib/openapi/swagger-ui'

if (isSet('DATABASE_URL')) {
  run('db:migrate')
} else if (hasValue('VERCEL_ENV', 'production')) {
  console.error('DATABASE_URL is not set for Production: its functions could not start.')
  process.exit(1)
} else {
  console.log('DATABASE_URL is not set for this deployment: it is built without a migration.')
}
await compressSwaggerUi()
run('build')

/** Runs an npm script. If it fails, it has printed why, so the build only exits. */
function run(script: string): void {
  const { status } = spawnSync('npm', ['run', script], { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

/** Compresses Swagger UI, which would otherwise be a quarter of the function. */
async function compressSwaggerUi(): Promise<void> {
  mkdirSync(compressedFolder, { recursive: true })
  for (const name of swaggerUiFiles) {
    const content = readFileSync(join(await packageFolder(), name))
    writeFileSync(join(compressedFolder, `${name}.br`), brotliCompressSync(content))
  }
}
