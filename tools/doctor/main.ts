/** `npm run doctor` says why a frontend is refused, and what to set. It changes nothing. */
import { parseArgs } from 'node:util'
import { hasValue } from '#lib/config/env'
import { loadEnvFiles } from '#lib/config/env-files'
import { examine } from '#tools/doctor/examine'

const usage = `npm run doctor -- [--frontend http://localhost:3000] [--token '<token>'] [--json]
  --frontend  the origin of the frontend's pages
  --token     what the frontend sends: a JWT, a session token, or its Cookie header
  --json      prints JSON for scripts`

function readArguments() {
  const text = { type: 'string' } as const
  try {
    const json = { type: 'boolean', default: false } as const
    const options = { frontend: text, token: text, json }
    const { values, positionals } = parseArgs({ options, allowPositionals: true })
    // It is not repeated: it may be a token.
    return positionals.length === 0 ? values : refuse('An argument has no option before it.')
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

function refuse(why: string): never {
  console.error(`${why}\n\n${usage}`)
  process.exit(1)
}

const values = readArguments()
const frontend = values.frontend === undefined ? undefined : URL.parse(values.frontend)?.origin
if (values.frontend !== undefined && (frontend === undefined || frontend === 'null')) {
  refuse('--frontend takes an origin, such as http://localhost:3000')
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
