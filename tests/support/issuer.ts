import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type BetterAuthOptions, type BetterAuthPlugin, betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { toNodeHandler } from 'better-auth/node'
import { bearer, jwt } from 'better-auth/plugins'
import { type JWTPayload, SignJWT } from 'jose'
import { Pool } from 'pg'
import { freePort } from '#tests/support/service'
import { testSecret } from '#tests/support/tokens'

type DefinePayload = NonNullable<NonNullable<Parameters<typeof jwt>[0]>['jwt']>['definePayload']
type KeyPair = NonNullable<NonNullable<Parameters<typeof jwt>[0]>['jwks']>['keyPairConfig']

export interface IssuerOptions {
  readonly databaseUrl: string
  /** The keys of the jwt plugin, or what signs in their place. */
  readonly keys?: NonNullable<KeyPair> | 'secret'
  /** `users` has columns in snake_case, sessions too. */
  readonly tables?: 'user' | 'users'
  readonly ids?: 'text' | 'uuid'
  readonly advanced?: BetterAuthOptions['advanced']
  readonly session?: BetterAuthOptions['session']
  /** Besides bearer() and jwt(). */
  readonly plugins?: BetterAuthPlugin[]
  /** What jwt() has besides its keys. */
  readonly jwt?: { readonly path?: string; readonly definePayload?: DefinePayload }
  readonly secret?: string
  readonly secondaryStorage?: BetterAuthOptions['secondaryStorage']
}

const snakeCase = {
  user: {
    modelName: 'users',
    fields: {
      emailVerified: 'email_verified',
      createdAt: 'created_at',
      updatedAt: 'updated_at',
    },
  },
  session: {
    modelName: 'sessions',
    fields: {
      userId: 'user_id',
      expiresAt: 'expires_at',
      ipAddress: 'ip_address',
      userAgent: 'user_agent',
      createdAt: 'created_at',
      updatedAt: 'updated_at',
    },
  },
}

/** A frontend's server: Better Auth on the database that it shares with the service. */
export async function startIssuer(options: IssuerOptions) {
  const secret = options.secret ?? testSecret
  const key = new TextEncoder().encode(secret)
  const sign = (claims: JWTPayload) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(key)
  const port = await freePort()
  const url = `http://localhost:${port}`
  const pool = new Pool({ connectionString: options.databaseUrl })
  const mails: string[] = []
  const names = options.tables === 'users' ? snakeCase : { user: {}, session: {} }
  const auth = betterAuth({
    baseURL: url,
    secret,
    database: pool,
    telemetry: { enabled: false },
    logger: { disabled: true },
    rateLimit: { enabled: false },
    // scrypt, as it comes, would cost more than the rest of a test.
    emailAndPassword: {
      enabled: true,
      password: {
        hash: async (password) => password,
        verify: async ({ hash, password }) => hash === password,
      },
    },
    emailVerification: {
      sendOnSignUp: true,
      sendVerificationEmail: async ({ token }) => void mails.push(token),
    },
    user: { ...names.user, deleteUser: { enabled: true } },
    session: { ...names.session, ...options.session },
    ...(options.secondaryStorage && { secondaryStorage: options.secondaryStorage }),
    advanced: {
      ...options.advanced,
      ...(options.ids === 'uuid' && { database: { generateId: 'uuid' as const } }),
    },
    plugins: [
      bearer(),
      jwt(
        options.keys === 'secret'
          ? { jwks: { remoteUrl: `${url}/none`, keyPairConfig: { alg: 'EdDSA' } }, jwt: { sign } }
          : {
              jwks: {
                ...(options.jwt?.path !== undefined && { jwksPath: options.jwt.path }),
                ...(options.keys !== undefined && { keyPairConfig: options.keys }),
              },
              ...(options.jwt?.definePayload && {
                jwt: { definePayload: options.jwt.definePayload },
              }),
            },
      ),
      ...(options.plugins ?? []),
    ],
  })

  /** As frontends do it that have no jwt plugin: a route that signs with the shared secret. */
  async function mint(request: IncomingMessage): Promise<string> {
    const headers = new Headers({ cookie: request.headers.cookie ?? '' })
    const session = await auth.api.getSession({ headers })
    const now = Math.floor(Date.now() / 1000)
    return await sign({ sub: session?.user.id ?? '', iat: now, exp: now + 900 })
  }

  const handler = toNodeHandler(auth)
  const server = createServer(async (request, response) => {
    if (request.url !== '/api/token') return await handler(request, response)
    return response.end(JSON.stringify({ token: await mint(request) }))
  }).listen(port, 'localhost')
  await once(server, 'listening')

  return {
    url,
    pool,
    /** The email verification tokens that were sent. */
    mails,
    async migrate() {
      const { runMigrations } = await getMigrations(auth.options)
      await runMigrations()
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await pool.end()
    },
  }
}
