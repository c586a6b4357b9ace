/**
 * Starts `next dev` on `HOST` and `PORT`, which Next accepts only as options. By default it would
 * listen on every address of the machine, on port 3000, where the frontend is.
 */
import { readHost, readPort, setVariable } from '#lib/config/env'
import { loadEnvFiles, unloadEnvFiles } from '#lib/config/env-files'

loadEnvFiles(true)
const own = { NODE_ENV: 'development', PORT: String(readPort()), NEXT_TELEMETRY_DISABLED: '1' }
const host = readHost() ?? '127.0.0.1'
// `next dev` loads the files itself, in a process of its own, and watches them.
unloadEnvFiles(own)
for (const [name, value] of Object.entries(own)) setVariable(name, value)
process.argv.splice(3, 0, '--hostname', host)
await import('next/dist/bin/next')
