import { createServer, type IncomingMessage } from 'node:http'
import { type BetterAuthOptions, betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { toNodeHandler } from 'better-auth/node'
import { bearer, jwt } from 'better-auth/plugins'
import { type JWTPayload, SignJWT } from 'jose'
import { Pool } from 'pg'
import { freePort, listen } from '#tests/support/service'
import { testSecret } from '#tests/support/tokens'

type JwtOptions = NonNullable<Parameters<typeof jwt>[0]>

export interface IssuerOptions
  extends Pick<
    BetterAuthOptions,
    'advanced' | 'plugins' | 'secondaryStorage' | 'secret' | 'session'
  > {
  readonly databaseUrl: string
  /** The options of the jwt plugin, or that it signs with the secret. */
  readonly jwt?: JwtOptions | 'with the secret'
  /** `users` has columns in snake_case, sessions too. */
  readonly tables?: 'user' | 'users'
  readonly ids?: 'text' | 'uuid'
}

const snakeCase = (...names: string[]) =>
  Object.fromEntries(
    names.map((name) => [name, name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)]),
  )
const times = ['createdAt', 'updatedAt']
const inSnakeCase = {
  user: { modelName: 'users', fields: snakeCase('emailVerified', ...times) },
  session: {
    modelName: 'sessions',
    fields: snakeCase('userId', 'expiresAt', 'ipAddress', 'userAgent', ...times),
  },
}

/** A frontend's server: Better Auth on the database that it shares with the service. */
export async function startIssuer({
  databaseUrl,
  jwt: jwtOptions,
  tables,
  ids,
  ...options
}: IssuerOptions) {
  const { secret = testSecret } = options
  const key = new TextEncoder().encode(secret)
  const sign = (claims: JWTPayload) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(key)
  const port = await freePort()
  const url = `http://localhost:${port}`
  const pool = new Pool({ connectionString: databaseUrl })
  const mails: string[] = []
  const names = tables === 'users' ? inSnakeCase : { user: {}, session: {} }
  const bySecret: JwtOptions = {
    jwks: { remoteUrl: `${url}/none`, keyPairConfig: { alg: 'EdDSA' } },
    jwt: { sign },
  }
  const auth = betterAuth({
    ...options,
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
    advanced: {
      ...options.advanced,
      ...(ids === 'uuid' && { database: { generateId: 'uuid' as const } }),
    },
    plugins: [
      bearer(),
      jwt(jwtOptions === 'with the secret' ? bySecret : jwtOptions),
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
  })
  await listen(server, port, 'localhost')

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
