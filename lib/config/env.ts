import { createEnv } from '@t3-oss/env-nextjs'
import * as z from 'zod'
import { addresses, origins } from '#lib/config/env-lists'
import {
  cookieName,
  databaseUrl,
  flag,
  keySetUrl,
  port,
  quota,
  secret,
  sessionTokens,
  share,
  tableName,
  tasksPath,
  webUrl,
  wholeNumber,
} from '#lib/config/env-values'

/** The service cannot run with this environment. The message says what is wrong, and the remedy. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError'
}

function readEnvironment() {
  const isProduction = process.env.NODE_ENV === 'production'
  return createEnv({
    server: {
      NODE_ENV: z.enum(['development', 'production', 'test']).default('production'),
      HOST: z.string().optional(),
      PORT: port,
      WORKERS: wholeNumber(1, 256).default(1),
      DATABASE_URL: isProduction ? databaseUrl : databaseUrl.default('pglite://.data/pglite'),
      DATABASE_POOL_SIZE: wholeNumber(1, 1000).default(5),
      DATABASE_TIMEOUT_MS: wholeNumber(100, 60_000).default(8000),
      DATABASE_NAMED_STATEMENTS: flag.optional(),
      USERS_TABLE: tableName.prefault('users'),
      USERS_ID_TYPE: z.enum(['text', 'uuid'], { error: 'must be text or uuid.' }).default('text'),
      BETTER_AUTH_SECRET: z.preprocess((alone) => currentSecret() ?? alone, secret),
      BETTER_AUTH_URL: isProduction
        ? keySetUrl.optional()
        : keySetUrl.default('http://localhost:3000'),
      JWKS_URL: keySetUrl.optional(),
      SESSION_TOKENS: sessionTokens.default(false),
      SESSION_COOKIE: cookieName.default('better-auth.session_token'),
      SESSIONS_TABLE: tableName.prefault('session'),
      JWT_ISSUER: z.string().optional(),
      JWT_AUDIENCE: z.string().optional(),
      CORS_ORIGINS: origins.prefault('http://localhost:3000'),
      TASKS_PATH: tasksPath.optional(),
      LIST_ENVELOPE: z.enum(['array', 'tasks', 'items']).default('array'),
      COMPLETION_FIELD: z.enum(['both', 'completed', 'is_completed']).default('both'),
      DELETE_ANSWER: z.enum(['empty', 'task']).default('empty'),
      RATE_LIMIT: quota.prefault('600/60'),
      RATE_LIMIT_ADDRESS: quota.prefault('off'),
      TRUSTED_PROXIES: addresses.prefault(''),
      LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
      METRICS_TOKEN: z.string().min(16, { error: 'is shorter than 16 characters.' }).optional(),
      OTEL_EXPORTER_OTLP_ENDPOINT: webUrl.optional(),
      OTEL_TRACES_SAMPLER_ARG: share.default(1),
    },
    // Written out, because Next replaces this very expression when it compiles.
    experimental__runtimeEnv: { NODE_ENV: process.env.NODE_ENV },
    emptyStringAsUndefined: true,
    createFinalSchema: (shape) =>
      z
        .object(shape)
        .refine((all) => all.WORKERS === 1 || !all.DATABASE_URL.startsWith('pglite:'), {
          path: ['WORKERS'],
          error: 'needs a Postgres server: PGlite is for one process. Set it to 1',
        }),
    onValidationError(issues) {
      const lines = issues.map(({ path, message }) => `${path?.join('.') ?? ''} ${message}`)
      throw new EnvironmentError(lines.join('\n'))
    },
  })
}

/** A URL without its password, for people to read. It may be in a parameter too. */
export function withoutPassword(url: string): string {
  return url.replace(/:\/\/[^\s/]*@/, '://…@').replace(/([?&](?:ssl)?password=)[^&\s]*/g, '$1…')
}

export type Environment = ReturnType<typeof readEnvironment>

let environment: Environment | undefined

/**
 * The validated environment. It is read on the first call and not on import, because `next build`
 * imports every module.
 *
 * @throws EnvironmentError
 */
export function env(): Environment {
  // A plain copy: what t3-env returns is a Proxy, which costs something at every access.
  environment ??= { ...readEnvironment() }
  return environment
}

/** `PORT` alone, for a launcher that runs before the rest can be checked. */
export function readPort(): number {
  return port.parse(process.env.PORT || undefined)
}

/** `HOST` alone, for the same launcher. */
export function readHost(): string | undefined {
  return process.env['HOST'] || undefined
}

/** Makes a variable known to this process before `env()` is first called. */
export function setVariable(name: string, value: string): void {
  process.env[name] = value
}

/** Whether `NODE_ENV` says that this process serves a developer, as `next dev` does. */
export function isDevelopment(): boolean {
  return process.env.NODE_ENV === 'development'
}

/**
 * Whether this is Vercel's build. `next.config.ts` makes it a constant, so that the bundler leaves
 * out what only the other hosts need. `VERCEL` itself comes with `vercel env pull` to any machine.
 */
export const isBuiltOnVercel = process.env.BUILT_ON_VERCEL === '1'

/** Whether a variable is there and not empty, for code that runs before `env()` can be called. */
export function isSet(name: string): boolean {
  return (process.env[name] ?? '') !== ''
}

/** Whether a variable has this value, for code that runs before `env()` can be called. */
export function hasValue(name: string, value: string): boolean {
  return process.env[name] === value
}

/** Better Auth signs with the first entry of `BETTER_AUTH_SECRETS`, which has the form `2:…,1:…`. */
function currentSecret(): string | undefined {
  const [first = ''] = (process.env['BETTER_AUTH_SECRETS'] ?? '').split(',')
  return first.trim() === '' ? undefined : first.slice(first.indexOf(':') + 1).trim()
}
