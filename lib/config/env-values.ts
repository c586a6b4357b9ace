/** The kinds of values that variables have, each with what to say where one is wrong. */
import * as z from 'zod'
import { faultInConnectionUrl } from '#db/connection-url'
import type { Quota } from '#db/rate-limit'
import { readTableName } from '#db/table-name'

/** The highest rate limit. A higher one would limit nothing. */
const mostPerSecond = 100_000

const publicDefaultSecret = 'better-auth-secret-12345678901234567890'
const secretRemedy =
  'Set it to the BETTER_AUTH_SECRET of your frontend; a new one comes from: openssl rand -base64 32'
const urlRemedy =
  'Set it to postgres://… (Neon or any Postgres), or to pglite://<folder> for one process.'

const edges = /^[\s'"]+|[\s'"]+$/g

export const port = z.coerce
  .number({ error: 'must be a port.' })
  .int()
  .min(0)
  .max(65_535)
  .default(8000)
export const wholeNumber = (least: number, most: number) =>
  z.coerce
    .number({ error: `must be a number from ${least} to ${most}.` })
    .int()
    .min(least)
    .max(most)
export const flag = z.enum(['true', 'false'], { error: 'must be true or false.' }).transform(isTrue)
/** How session tokens count: not at all, with their signature alone, or as Bearer without it too. */
export const sessionTokens = z
  .enum(['true', 'false', 'unsigned'], { error: 'must be true, false or unsigned.' })
  .transform((value) => (value === 'false' ? false : value === 'true' ? 'signed' : value))
export const cookieName = z.string().regex(/^[\w.-]+$/, {
  error: 'must be letters, digits, dots, hyphens or underscores.',
})
export const quota = z
  .string()
  .regex(/^(off|[1-9]\d{0,6}\/[1-9]\d{0,4})$/, {
    error: 'must be off, or <requests>/<seconds>, such as 600/60.',
  })
  .transform(toQuota)
export const secret = z
  .string({ error: `is missing. ${secretRemedy}` })
  .min(32, { error: `is shorter than 32 characters. ${secretRemedy}` })
  .refine((value) => value !== publicDefaultSecret, {
    error: `is Better Auth's public default, which everybody knows. ${secretRemedy}`,
  })
export const databaseUrl = z
  .string({ error: `is missing. ${urlRemedy}` })
  .regex(/^(postgres(ql)?|pglite):\/\//, { error: `has no known scheme. ${urlRemedy}` })
  .superRefine(checkConnectionUrl)
export const tableName = z.string().transform(toTableName)
export const tasksPath = z.string().refine(isFreePath, {
  error:
    'must be a path that is not served already, such as /api/todos or /api/users/{user_id}/tasks.',
})
export const webUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL.' })
export const keySetUrl = webUrl.refine((url) => !/^\w+:\/\/[^/?#]*@/.test(url), {
  error: 'has a user or a password, which fetch refuses to send. Use an address that needs none.',
})
export const share = z.coerce.number({ error: 'must be a share from 0 to 1.' }).min(0).max(1)

/** Whether the secret begins or ends with quotes or white space, as no generator makes it. */
export function hasEdges(secret: string): boolean {
  return secret.search(edges) !== -1
}

/** The same secret without quotes and white space at its ends. */
export function withoutEdges(secret: string): string {
  return secret.replaceAll(edges, '')
}

function checkConnectionUrl(value: string, context: z.RefinementCtx<string>): void {
  const fault = value.startsWith('postgres') ? faultInConnectionUrl(value) : undefined
  if (fault !== undefined) context.addIssue(fault)
}

/** Whether the collection may have this path: its parts are plain, and no other path begins so. */
function isFreePath(path: string): boolean {
  const isPlain = /^(\/(?!\.)[\w.~-]+|\/\{user_id\}(?!.*\{))+$/.test(path)
  const isTaken = /^\/(?:(?:health|docs|openapi\.json|metrics|_next|\{user_id\})(?:\/|$)|api\/?$)/
  const isServed = /^\/api\/(?:tasks(?:\/|$)|\{user_id\}(?:\/tasks|\/\{.*)?$)/
  return isPlain && !isTaken.test(path) && !isServed.test(path)
}

function isTrue(value: string): boolean {
  return value === 'true'
}

function toTableName(value: string, context: z.RefinementCtx<string>) {
  const name = readTableName(value)
  if (name !== undefined) return name
  context.addIssue('is no table name. Examples: users, "user", auth."user"')
  return z.NEVER
}

function toQuota(value: string, context: z.RefinementCtx<string>): Quota | undefined {
  const [requests, seconds] = value.split('/').map(Number)
  if (requests === undefined || seconds === undefined) return undefined
  // Postgres counts a request's share of the window in whole microseconds.
  if (requests / seconds > mostPerSecond)
    context.addIssue(`allows more than ${mostPerSecond} a second.`)
  return { requests, seconds }
}
