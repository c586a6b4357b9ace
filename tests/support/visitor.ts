import { expect } from 'vitest'

export type Visitor = Awaited<ReturnType<typeof enter>>

const password = 'correct horse battery staple'

/** Signs up at a frontend's server, as a guest of it if one is given. */
export async function signUp(issuerUrl: string, name: string, guest?: Visitor): Promise<Visitor> {
  const email = `${name}-${crypto.randomUUID()}@example.com`
  return await enter(issuerUrl, 'sign-up/email', { name, email, password }, guest?.cookies)
}

/** Signs in without an account, by Better Auth's `anonymous()`. */
export async function signInAsGuest(issuerUrl: string): Promise<Visitor> {
  return await enter(issuerUrl, 'sign-in/anonymous', {})
}

/** Somebody in front of a frontend's server, whose cookies are kept as a browser does. */
async function enter(url: string, way: string, account: object, before?: Map<string, string>) {
  const cookies = new Map(before)
  const cookieHeader = () => [...cookies].map(([key, value]) => `${key}=${value}`).join('; ')

  async function send(path: string, body?: object): Promise<Response> {
    const response = await fetch(url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { origin: url, cookie: cookieHeader(), 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    expect(response.status, `${path}: ${await response.clone().text()}`).toBe(200)
    for (const cookie of response.headers.getSetCookie()) {
      const [, key = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      cookies.set(key, value)
    }
    return response
  }

  const response = await send(`/api/auth/${way}`, account)
  const { user }: { user: { id: string } } = await response.json()
  return {
    id: user.id,
    cookies,
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
