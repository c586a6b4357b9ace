import { expect } from 'vitest'

const password = 'correct horse battery staple'

/** Somebody in front of a frontend's server: keeps its cookies as a browser does. */
export async function signUp(issuerUrl: string, name: string) {
  const cookies = new Map<string, string>()

  async function send(path: string, body?: unknown): Promise<Response> {
    const response = await fetch(issuerUrl + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        origin: issuerUrl,
        cookie: cookieHeader(),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    expect(response.status, `${path}: ${await response.clone().text()}`).toBe(200)
    for (const cookie of response.headers.getSetCookie()) {
      const [, key = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      cookies.set(key, value)
    }
    return response
  }
  const cookieHeader = () => [...cookies].map(([key, value]) => `${key}=${value}`).join('; ')

  const email = `${name}-${crypto.randomUUID()}@example.com`
  const response = await send('/api/auth/sign-up/email', { name, email, password })
  const { user }: { user: { id: string } } = await response.json()
  return {
    id: user.id,
    email,
    cookieHeader,
    /** What the bearer plugin hands out for `Authorization`. */
    sessionToken: response.headers.get('set-auth-token') ?? '',
    async token(path = '/api/auth/token'): Promise<string> {
      const { token }: { token: string } = await (await send(path)).json()
      return token
    },
    signOut: () => send('/api/auth/sign-out', {}),
    deleteAccount: () => send('/api/auth/delete-user', { password }),
  }
}

export type Visitor = Awaited<ReturnType<typeof signUp>>
