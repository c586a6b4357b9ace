import type { Caller } from '#db/caller'
import type { OpenDatabase } from '#db/database'
import { isDatabaseError } from '#db/errors'
import { listTaskRows } from '#db/tasks/list-tasks'
import { authenticate } from '#lib/auth/authenticate'
import { env, withoutPassword } from '#lib/config/env'
import { toProblem } from '#lib/http/errors'
import { type Check, failed, passed } from '#tools/doctor/check'
import type { Credential } from '#tools/doctor/credential'
import { hasUser, type Inspection } from '#tools/doctor/inspection'

const firstPage = { sort: 'created', order: 'desc', limit: 1, withTotal: false } as const

/** What the verdict is based on, besides the credential. */
export interface Evidence {
  readonly frontend: string | undefined
  readonly opened: OpenDatabase | undefined
  readonly inspection: Inspection | undefined
  /** The checks so far. The first that failed explains a refusal. */
  readonly checks: readonly Check[]
}

/** Whether the service accepts requests with this credential, by the code that serves them. */
export async function judge(credential: Credential, evidence: Evidence): Promise<Check[]> {
  const name = 'verdict'
  if (credential.kind !== 'JWT' && evidence.opened === undefined) {
    const found = 'none: its session cannot be looked up without the database'
    return [failed(name, found, 'See "database" above.')]
  }
  // The origin of the frontend's page. A session cookie counts only from an allowed origin.
  const origin =
    evidence.frontend ?? env().CORS_ORIGINS.find((pattern) => !pattern.includes('*')) ?? ''
  const headers = { ...credential.headers, origin }
  let user: Check | undefined
  try {
    const request = new Request('http://localhost/api/tasks', { method: 'POST', headers })
    const caller = await authenticate(request)
    const { userId } = caller
    user = await checkUser(caller, evidence)
    if (evidence.inspection?.isMigrated === true) {
      const db = evidence.opened?.forUser(userId)
      if (db !== undefined) await listTaskRows(db, userId, firstPage)
    }
    if (!user.ok) return [user, refused('when it creates', user)]
    const fault = evidence.checks.find((check) => !check.ok)
    if (fault === undefined) return [user, passed(name, 'accepted')]
    const found =
      fault.name === 'origin'
        ? `accepted, and the browser refuses the answer to pages of ${evidence.frontend}`
        : 'accepted, and something else is refused'
    return [user, failed(name, found, `Mend "${fault.name}" above.`)]
  } catch (thrown) {
    const { status, code, detail } = toProblem(thrown)
    const known = user === undefined ? [] : [user]
    const reason = [...evidence.checks, ...known].find(({ ok }) => !ok)
    const found = `refused: ${status} ${code}, ${detail}`
    return [
      ...known,
      reason === undefined
        ? failed(name, found, `See ${code} at /docs/errors.`)
        : failed(name, found, `Mend "${reason.name}" above.`),
    ]
  }
}

/** Whether the user exists, or comes with the first task: `todo_owner()` adds none to others' tables. */
async function checkUser(caller: Caller, { opened, inspection }: Evidence): Promise<Check> {
  const name = 'user'
  const { userId } = caller
  if (opened === undefined || inspection?.users === undefined) {
    return passed(name, `${userId}, not looked up`)
  }
  const table = inspection.users.name
  const { USERS_TABLE, DATABASE_TIMEOUT_MS } = env()
  const found = await hasUser(opened.transport, USERS_TABLE, userId, DATABASE_TIMEOUT_MS).catch(
    toUnreadable,
  )
  if (found === 'unreadable') {
    return passed(name, `${userId}, not looked up: the login has no right to ${table}`)
  }
  if (found === true) return passed(name, `${userId} is in ${table}`)
  if (found === undefined) {
    return failed(
      name,
      `the ids of ${table} are of the type ${inspection.users.idType}, and the sub ${userId} is none`,
      'USERS_TABLE=<the table whose ids the tokens have>, in a database that was not migrated with another. If the users of Better Auth are elsewhere, name that database in DATABASE_URL.',
    )
  }
  const why = inspection.addsNoUser
  if (why === undefined) {
    const claims: Record<string, unknown> = { ...caller }
    const lacking = inspection.neededClaims.filter((claim) => typeof claims[claim] !== 'string')
    if (lacking.length === 0) {
      return passed(name, `${userId} is not in ${table} yet, and the first task brings it there`)
    }
    return failed(
      name,
      `${userId} is not in ${table} yet, a row of it needs ${lacking.join(' and ')}, and the token has none`,
      `Sign the tokens with ${lacking.join(' and ')} too, or run: ${lacking.map((column) => `ALTER TABLE ${table} ALTER ${column} DROP NOT NULL;`).join(' ')}`,
    )
  }
  const url = withoutPassword(env().DATABASE_URL)
  return failed(
    name,
    `${userId} is not in ${table} of ${url}, and the service does not add it: ${why}`,
    'DATABASE_URL=<that of your frontend>, and the USERS_TABLE of it. If the account was deleted, sign up again.',
  )
}

/**
 * A login without a right to the users table is no failure. The service adds users through a
 * function that runs with the rights of their owner.
 */
function toUnreadable(error: unknown): 'unreadable' {
  if (isDatabaseError(error) && error.sqlState === '42501') return 'unreadable'
  throw error
}

function refused(when: string, { name }: Check): Check {
  return failed(
    'verdict',
    `accepted, and refused ${when}: 401 account_unknown`,
    `Mend "${name}" above.`,
  )
}
