import { BlockList, isIP } from 'node:net'
import { createEnv } from '@t3-oss/env-nextjs'
import * as z from 'zod'
import type { Quota } from '#db/rate-limit'
import { readTableName } from '#db/table-name'

/** The environment cannot be served with. The message names each variable and its remedy. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError'
}

const publicDefaultSecret = 'better-auth-secret-12345678901234567890'
const secretRemedy =
  'Set it to the BETTER_AUTH_SECRET of your frontend; a new one comes from: openssl rand -base64 32'
const urlRemedy =
  'Set it to postgres://… (Neon or any Postgres), or to pglite://<folder> for one process.'

const port = z.coerce.number({ error: 'must be a port.' }).int().min(0).max(65_535).default(8000)
const wholeNumber = (least: number, most: number) =>
  z.coerce
    .number({ error: `must be a number from ${least} to ${most}.` })
    .int()
    .min(least)
    .max(most)
const flag = z.enum(['true', 'false'], { error: 'must be true or false.' }).transform(isTrue)
const quota = z
  .string()
  .regex(/^(off|[1-9]\d{0,6}\/[1-9]\d{0,4})$/, {
    error: 'must be off, or <requests>/<seconds>, such as 600/60.',
  })
  .transform(toQuota)
const secret = z
  .string({ error: `is missing. ${secretRemedy}` })
  .min(32, { error: `is shorter than 32 characters. ${secretRemedy}` })
  .refine((value) => value !== publicDefaultSecret, {
    error: `is Better Auth's public default, which everybody knows. ${secretRemedy}`,
  })
const webUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL.' })
const otlpProtocol = z.enum(['http/protobuf', 'http/json']).optional()
const sampler = z.enum([
  ...(['always_on', 'always_off', 'traceidratio', 'parentbased_always_on'] as const),
  ...(['parentbased_always_off', 'parentbased_traceidratio'] as const),
])

function readEnvironment() {
  const isProduction = process.env.NODE_ENV === 'production'
  const databaseUrl = z
    .string({ error: `is missing. ${urlRemedy}` })
    .regex(/^(postgres(ql)?|pglite):\/\//, { error: `has no known scheme. ${urlRemedy}` })
  return createEnv({
    server: {
      NODE_ENV: z.enum(['development', 'production', 'test']).default('production'),
      PORT: port,
      WORKERS: wholeNumber(1, 256).default(1),
      DATABASE_URL: isProduction ? databaseUrl : databaseUrl.default('pglite://.data/pglite'),
      DATABASE_DRIVER: z.enum(['neon', 'postgres', 'pglite']).optional(),
      NEON_FETCH_ENDPOINT: webUrl.optional(),
      DATABASE_POOL_SIZE: wholeNumber(1, 1000).default(10),
      DATABASE_QUEUE_LIMIT: wholeNumber(1, 100_000).default(2000),
      DATABASE_TIMEOUT_MS: wholeNumber(100, 60_000).default(8000),
      DATABASE_NAMED_STATEMENTS: flag.default(false),
      USERS_TABLE: z.string().default('users').transform(toTableName),
      USERS_ID_TYPE: z.enum(['text', 'uuid'], { error: 'must be text or uuid.' }).default('text'),
      BETTER_AUTH_SECRET: z.preprocess((secret) => currentSecret() ?? secret, secret),
      BETTER_AUTH_URL: isProduction ? webUrl.optional() : webUrl.default('http://localhost:3000'),
      SESSION_TOKENS: flag.default(false),
      SESSION_COOKIE_PREFIX: z
        .string()
        .regex(/^[\w.-]+$/, { error: 'must be letters, digits, dots, hyphens or underscores.' })
        .default('better-auth'),
      SESSION_CACHE_SECONDS: wholeNumber(0, 300).default(10),
      SESSIONS_TABLE: z.string().default('session').transform(toTableName),
      JWT_ISSUER: z.string().optional(),
      JWT_AUDIENCE: z.string().optional(),
      CORS_ORIGINS: z.string().default('http://localhost:3000').transform(toList),
      LIST_ENVELOPE: z.enum(['array', 'tasks', 'items']).default('array'),
      RATE_LIMIT: quota.prefault('600/60'),
      RATE_LIMIT_ADDRESS: quota.prefault('off'),
      TRUSTED_PROXIES: z.string().prefault('').transform(toAddresses),
      LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
      SERVER_TIMING: flag.default(false),
      METRICS_TOKEN: z.string().min(16, { error: 'is shorter than 16 characters.' }).optional(),
      OTEL_SDK_DISABLED: flag.default(false),
      OTEL_TRACES_EXPORTER: z.enum(['otlp', 'none']).optional(),
      OTEL_EXPORTER_OTLP_ENDPOINT: webUrl.optional(),
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: webUrl.optional(),
      OTEL_EXPORTER_OTLP_PROTOCOL: otlpProtocol,
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: otlpProtocol,
      OTEL_BSP_SCHEDULE_DELAY: wholeNumber(1, 60_000).default(5000),
      OTEL_TRACES_SAMPLER: sampler.default('parentbased_always_on'),
      OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1),
      VERCEL: z.string().optional(),
    },
    // Read by name, because Next puts the mode in its place when it compiles.
    experimental__runtimeEnv: { NODE_ENV: process.env.NODE_ENV },
    emptyStringAsUndefined: true,
    onValidationError(issues) {
      const lines = issues.map(({ path, message }) => `${path?.join('.') ?? ''} ${message}`)
      throw new EnvironmentError(lines.join('\n'))
    },
  })
}

/** A URL without its password, for people to read. */
export function withoutPassword(url: string): string {
  return url.replace(/:\/\/[^\s/@]*@/, '://…@')
}

export type Environment = ReturnType<typeof readEnvironment>

let environment: Environment | undefined

/**
 * The validated environment, read once. Not read on import: `next build` loads every module.
 *
 * @throws EnvironmentError
 */
export function env(): Environment {
  environment ??= readEnvironment()
  return environment
}

/** `PORT` alone, for a launcher that runs before the rest can be checked. */
export function readPort(): number {
  return port.parse(process.env.PORT || undefined)
}

/** Makes a variable known to this process before `env()` is first called. */
export function setVariable(name: string, value: string): void {
  process.env[name] = value
}

/** Whether this process serves a developer: `next dev`, or nothing that says otherwise. */
export function isDevelopment(): boolean {
  return process.env.NODE_ENV === 'development'
}

export function isSet(name: string, to = process.env[name] ?? ''): boolean {
  return to !== '' && process.env[name] === to
}

/** Better Auth signs with the first entry of `BETTER_AUTH_SECRETS`, which has the form `2:…,1:…`. */
function currentSecret(): string | undefined {
  const [first = ''] = (process.env['BETTER_AUTH_SECRETS'] ?? '').split(',')
  return first.trim() === '' ? undefined : first.slice(first.indexOf(':') + 1).trim()
}

function isTrue(value: string): boolean {
  return value === 'true'
}

function toList(value: string): string[] {
  return value.split(',').flatMap((part) => part.trim() || [])
}

function toTableName(value: string, context: z.RefinementCtx<string>) {
  const name = readTableName(value)
  if (name !== undefined) return name
  context.addIssue('is no table name. Examples: users, "user", auth."user"')
  return z.NEVER
}

function toQuota(value: string): Quota | undefined {
  const [requests, seconds] = value.split('/').map(Number)
  return requests === undefined || seconds === undefined ? undefined : { requests, seconds }
}

function toAddresses(value: string, context: z.RefinementCtx<string>): BlockList {
  const addresses = new BlockList()
  for (const part of toList(value)) {
    const [address = '', bits] = part.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (isIP(address) === 0) {
      context.addIssue(`has ${part}, which is no address and no network such as 10.0.0.0/8.`)
    } else if (bits === undefined) addresses.addAddress(address, family)
    else addresses.addSubnet(address, Number(bits), family)
  }
  return addresses
}
