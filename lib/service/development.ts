import { SignJWT } from 'jose'
import { env, withoutPassword } from '#lib/config/env'

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
