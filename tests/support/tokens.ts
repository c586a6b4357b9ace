import { SignJWT } from 'jose'

/** The secret of every service that the tests start. It protects nothing. */
export const testSecret = 'a-secret-for-tests-only-0123456789abcdef'

const key = new TextEncoder().encode(process.env['API_SECRET'] ?? testSecret)

/** A user that no other test has, with an id as Better Auth makes them. */
export function newUser(): string {
  return Array.from({ length: 32 }, () => Math.floor(Math.random() * 36).toString(36)).join('')
}

/** An HS256 token as a frontend's own server signs it; claims that are given win. */
export async function tokenFor(
  userId: string,
  claims: Record<string, unknown> = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  return await new SignJWT({ sub: userId, iat: now, exp: now + 900, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(key)
}
