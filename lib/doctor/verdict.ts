import type { OpenDatabase } from '#db/database'
import { isDatabaseError } from '#db/errors'
import type { Inspection } from '#db/inspection'
import { listTaskRows } from '#db/tasks/list-tasks'
import { authenticate } from '#lib/auth/authenticate'
import { env, withoutPassword } from '#lib/config/env'
import { type Check, failed, passed } from '#lib/doctor/check'
import type { Credential } from '#lib/doctor/credential'
import { toProblem } from '#lib/http/errors'

const firstPage = { sort: 'created', order: 'desc', limit: 1, withTotal: false } as const

/** What the verdict goes by, besides the credential. */
export interface Evidence {
  readonly frontend: string | undefined
  readonly opened: OpenDatabase | undefined
  readonly inspection: Inspection | undefined
  /** The checks so far: the first that failed is why. */
  readonly checks: readonly Check[]
}

/** Whether requests with this credential are served, by the code that serves them. */
export async function judge(credential: Credential, evidence: Evidence): Promise<Check[]> {
  const name = 'verdict'
  if (credential.kind !== 'JWT' && evidence.opened === undefined) {
    const found = 'none: its session cannot be looked up without the database'
    return [failed(name, found, 'See "database" above.')]
  }
  // What the page of the frontend sends; a session cookie counts by it.
  const origin =
    evidence.frontend ?? env().CORS_ORIGINS.find((pattern) => !pattern.includes('*')) ?? ''
  const headers = { ...credential.headers, origin }
  try {
    const request = new Request('http://localhost/api/tasks', { method: 'POST', headers })
    const { userId } = await authenticate(request)
    const user = await checkUser(userId, evidence)
    if (evidence.inspection?.isMigrated === true) {
      const db = evidence.opened?.forUser(userId)
      if (db !== undefined) await listTaskRows(db, userId, firstPage)
    }
    return user.ok ? [user, passed(name, 'accepted')] : [user, refused('when it creates', user)]
  } catch (thrown) {
    const { status, code, detail } = toProblem(thrown)
    const reason = evidence.checks.find(({ ok }) => !ok)
    const found = `refused: ${status} ${code}, ${detail}`
    return [
      reason === undefined
        ? failed(name, found, `See ${code} at /docs/errors.`)
        : failed(name, found, `Mend "${reason.name}" above.`),
    ]
  }
}

/** Better Auth's users are never made here, so that a deleted account stays deleted. */
async function checkUser(userId: string, { opened, inspection }: Evidence): Promise<Check> {
  const name = 'user'
  if (opened === undefined || inspection?.users === undefined) {
    return passed(name, `${userId}, not looked up`)
  }
  const table = inspection.users.name
  const found = await opened.hasUser(userId).catch(toUnreadable)
  if (found === 'unreadable') {
    return passed(name, `${userId}, not looked up: the login has no right to ${table}`)
  }
  if (found === true) return passed(name, `${userId} is in ${table}`)
  if (found === false && !inspection.issuers.some(({ users }) => users === table)) {
    return passed(name, `${userId} is not in ${table} yet, and the first task brings it there`)
  }
  const url = withoutPassword(env().DATABASE_URL)
  return failed(
    name,
    `${userId} is not in ${table} of ${url}`,
    'DATABASE_URL=<that of your frontend>, and the USERS_TABLE of it. If the account was deleted, sign up again.',
  )
}

/** The service needs no right to the users: it makes them by a function of their owner's. */
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
