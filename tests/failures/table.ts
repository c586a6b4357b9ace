import { walls } from '#tests/failures/broken-walls'
import type { OutcomeCode } from '#tests/failures/check'
import {
  byIssuer,
  byNetwork,
  bySql,
  forNewSessions,
  holdRows,
  nothing,
  type Provoke,
  removeAccounts,
  renameDatabase,
  spend,
} from '#tests/failures/provoke'
import type { RequestName } from '#tests/failures/requests'
import { deadlineMs } from '#tests/failures/world'
import { holdTasks } from '#tests/support/locked-tasks'
import { password } from '#tests/support/postgres'

const quota = 20

/** What the service is started with, as the failures need it. */
export const tableSettings = {
  // One comes back after more than an hour, and not while a slow machine spends the others.
  RATE_LIMIT: `${quota}/99999`,
  SESSION_TOKENS: 'true',
  TASKS_PATH: '/api/users/{user_id}/todos',
}

const sessions = ['list with a session token', 'ready'] as const
const changes = ['replace', 'change', 'complete', 'delete'] as const
const writes = ['create', ...changes] as const
const operations = ['list', 'read', ...writes] as const
const everything = [...operations, ...sessions] as const

const otherPassword = forNewSessions('role', "password 'another'", `password '${password}'`)
const closed = ['allow_connections false', 'allow_connections true'] as const
const readOnly = [
  'set default_transaction_read_only = on',
  'reset default_transaction_read_only',
] as const
const otherColumn = bySql({
  breakIt: 'alter table tasks rename column title to heading',
  mendIt: 'alter table tasks rename column heading to title',
})
const otherSessions = bySql({
  breakIt: 'alter table session rename to sessions',
  mendIt: 'alter table sessions rename to session',
})

type Way = [name: string, requests: readonly RequestName[], provoke: Provoke]
/** A way to fail, what becomes of the requests, and what the log tells and the answer must not. */
type Row = [outcome: OutcomeCode, ...way: Way, says?: string]

const away: Way[] = [
  ['the database refuses connections', everything, byNetwork({ mode: 'refuse' })],
  ['the database goes silent in the middle', everything, byNetwork({ mode: 'stall' })],
  ['the database answers after the deadline', operations, byNetwork({ delayMs: deadlineMs })],
  ['the login has another password', everything, otherPassword],
  ['the login may not log in', everything, forNewSessions('role', 'nologin', 'login')],
  ['the database takes no connections', everything, forNewSessions('database', ...closed)],
  ['the database is read-only, as in a failover', writes, forNewSessions('role', ...readOnly)],
  ['the database does not exist', everything, renameDatabase],
  ['the table of tasks is locked', operations, ({ direct }) => holdTasks(direct)],
  ['somebody holds the row of the task', changes, holdRows],
]

const needsKey = ['list with a key of the issuer'] as const
const withoutKeys: Way[] = [
  ['the issuer answers with an error', needsKey, byIssuer({ status: 500 })],
  ['the issuer answers with a page', needsKey, byIssuer({ body: '<html>' })],
  ['the issuer has no keys', needsKey, byIssuer({ keys: [] })],
]

const refused: [request: RequestName, outcome: OutcomeCode][] = [
  ['list without a token', 'credentials_missing'],
  ['list with a forged token', 'token_invalid'],
  ['list with an expired token', 'token_expired'],
  ['list of somebody else', 'other_user'],
]

const rows: Row[] = [
  ...away.map((way): Row => ['database_unavailable', ...way]),
  ['rate_limited', 'a user is over RATE_LIMIT', operations, spend(quota)],
  ['account_unknown', 'there is no account for the token', ['create'], removeAccounts],
  ['internal_error', 'a column has another name', operations, otherColumn, '42703'],
  ['not_ready', 'the sessions are elsewhere', sessions, otherSessions, 'SESSIONS_TABLE'],
  ...walls.map((wall): Row => ['not_ready', wall.name, ['ready'], bySql(wall), wall.remedy]),
  ...withoutKeys.map((way): Row => ['keys_unavailable', ...way]),
  ...refused.map(
    ([request, outcome]): Row => [outcome, `a request is a ${request}`, [request], nothing],
  ),
]

/** Each failure of the world around the service that can be provoked from outside of it. */
export const failures = rows.map(([outcome, name, requests, provoke, says = '']) => ({
  ...{ outcome, name, requests, provoke, says },
}))

export type Failure = (typeof failures)[number]
