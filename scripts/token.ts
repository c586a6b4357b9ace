/** `npm run token -- --user alice [--email alice@example.com] [--expires 1h]` prints a token. */
import { parseArgs } from 'node:util'
import { loadEnvFiles } from '#lib/config/env-files'
import { signToken } from '#lib/service/development'

const text = { type: 'string' } as const
const { values } = parseArgs({
  strict: false,
  options: { user: text, email: text, expires: { ...text, default: '1h' } },
})
const { user, email, expires } = values
if (typeof user !== 'string' || typeof email === 'boolean' || typeof expires !== 'string') {
  console.error('Name the user: npm run token -- --user alice [--email …] [--expires 1h]')
  process.exit(1)
}
loadEnvFiles(true)
console.log(await signToken({ sub: user, email }, expires))
