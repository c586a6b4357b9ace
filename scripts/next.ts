/**
 * Starts `next dev` or `next start` on `PORT`, 8000 where it is not set. Next reads `PORT` from the
 * shell only, and falls back to 3000, where the frontend is.
 */
import { readPort, setVariable } from '#lib/config/env'
import { loadEnvFiles, unloadEnvFiles } from '#lib/config/env-files'

const isDevelopment = process.argv[2] === 'dev'
loadEnvFiles(isDevelopment)
const own = {
  NODE_ENV: isDevelopment ? 'development' : 'production',
  PORT: String(readPort()),
  NEXT_TELEMETRY_DISABLED: '1',
}
// `next dev` loads the files itself, in a process of its own, and watches them. `next start` is this
// process, and takes what is loaded here.
if (isDevelopment) unloadEnvFiles(own)
for (const [name, value] of Object.entries(own)) setVariable(name, value)
await import('next/dist/bin/next')
