/** `npm run token -- --user alice [--email alice@example.com] [--expires 1h]` prints a token. */
import { parseArgs } from 'node:util'
import { loadEnvFiles } from '#lib/config/env-files'
import { signToken } from '#lib/service/development'

const { values } = parseArgs({
  options: {
    user: { type: 'string' },
    email: { type: 'string' },
    expires: { type: 'string', default: '1h' },
  },
})
if (values.user === undefined) {
  console.error('Name the user: npm run token -- --user alice [--email …] [--expires 1h]')
  process.exit(1)
}
loadEnvFiles(true)
console.log(await signToken({ sub: values.user, email: values.email }, values.expires))
