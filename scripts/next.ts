/**
 * Starts `next dev` or `next start` on `PORT`, 8000 where it is not set. Next reads `PORT` from the
 * shell only, and falls back to 3000, where the frontend is.
 */
import { readPort } from '#lib/env'
import { loadEnvFiles, unloadEnvFiles } from '#lib/env-files'

const isDevelopment = process.argv[2] === 'dev'
loadEnvFiles(isDevelopment)
const port = readPort()
// Next loads the files itself, and watches them in development.
unloadEnvFiles({
  NODE_ENV: isDevelopment ? 'development' : 'production',
  PORT: String(port),
  NEXT_TELEMETRY_DISABLED: '1',
})
await import('next/dist/bin/next')
