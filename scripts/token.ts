/** `npm run token -- --user alice [--email alice@example.com] [--expires 1h]` prints a token. */
import { parseArgs } from 'node:util'
import { loadEnvFiles } from '#lib/config/env-files'
import { signToken } from '#lib/service/development'

const { user, email, expires } = readOptions()
if (user === undefined) failBecause('Name the user')
loadEnvFiles(true)
console.log(await signToken({ sub: user, email }, expires))

function readOptions() {
  const text = { type: 'string' } as const
  const options = { user: text, email: text, expires: { ...text, default: '1h' } }
  try {
    return parseArgs({ options }).values
  } catch (error) {
    // It names the option or the word that there is not.
    failBecause(error instanceof Error ? error.message : String(error))
  }
}

function failBecause(reason: string): never {
  console.error(`${reason}: npm run token -- --user alice [--email …] [--expires 1h]`)
  process.exit(1)
}
