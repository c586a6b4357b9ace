/**
 * `npm run doctor -- [--frontend http://localhost:3000] [--token <JWT, session token or Cookie>]
 * [--json]` says why a frontend is refused, and what to set. It changes nothing.
 */
import { parseArgs } from 'node:util'
import { hasValue } from '#lib/config/env'
import { loadEnvFiles } from '#lib/config/env-files'
import { examine } from '#tools/doctor/examine'

const { values } = parseArgs({
  options: {
    frontend: { type: 'string' },
    token: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const frontend = values.frontend === undefined ? undefined : URL.parse(values.frontend)?.origin
if (values.frontend !== undefined && (frontend === undefined || frontend === 'null')) {
  console.error('--frontend takes an origin, such as http://localhost:3000')
  process.exit(1)
}
loadEnvFiles(!hasValue('NODE_ENV', 'production'))

const checks = await examine({ frontend, token: values.token })
const ok = checks.every((check) => check.ok)
if (values.json) {
  console.log(JSON.stringify({ ok, checks }, undefined, 2))
} else {
  const width = Math.max(...checks.map(({ name }) => name.length))
  for (const { name, found, ok, remedy } of checks) {
    console.log(`${ok ? '✓' : '✗'} ${name.padEnd(width)}  ${found}`)
    if (remedy !== undefined) console.log(`  ${' '.repeat(width)}  → ${remedy}`)
  }
  console.log(ok ? '\nNothing is wrong.' : '\nMend what is marked with ✗, from the top.')
}
process.exitCode = ok ? 0 : 1
