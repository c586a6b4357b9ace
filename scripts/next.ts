/**
 * Starts `next dev` on `PORT` of `HOST`. Next reads both from its own options only, and would take
 * 3000, where the frontend is, and every address of the machine.
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
