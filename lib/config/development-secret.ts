import { randomBytes } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { isDevelopment, isSet, setVariable } from '#lib/config/env'

const file = '.env.local'

/**
 * In development, generates the secret if it is missing, and writes it into `.env.local`, so that a
 * clone runs without configuration. It prints a line about that.
 */
export function ensureDevelopmentSecret(): void {
  if (!isDevelopment() || isSet('BETTER_AUTH_SECRET') || isSet('BETTER_AUTH_SECRETS')) return
  const secret = randomBytes(32).toString('base64url')
  // The file may exist, without a line break at its end.
  appendFileSync(file, `\nBETTER_AUTH_SECRET=${secret}\n`, { mode: 0o600 })
  setVariable('BETTER_AUTH_SECRET', secret)
  console.log(`Generated BETTER_AUTH_SECRET into ${file}: give your frontend the same one.`)
}
