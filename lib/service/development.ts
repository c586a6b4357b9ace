import { randomBytes } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { SignJWT } from 'jose'
import { env, isDevelopment, isSet, setVariable, withoutPassword } from '#lib/config/env'

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

/** Signs a token as a frontend's own server would: HS256 with the shared secret. */
export async function signToken(
  claims: { sub: string; email?: string | undefined },
  expires: string,
): Promise<string> {
  const { sub, email } = claims
  return await new SignJWT({ ...(email !== undefined && { email }) })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(env().BETTER_AUTH_SECRET))
}

/** Prints the address of the service, and a call that works as pasted. */
export async function printWelcome(port: number): Promise<void> {
  const url = `http://localhost:${port}`
  const token = await signToken({ sub: 'alice', email: 'alice@example.com' }, '12h')
  console.log(`
Todo API on ${url}, database ${withoutPassword(env().DATABASE_URL)}. Try it:

curl -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '{"title":"Buy milk"}' ${url}/api/tasks
`)
}
