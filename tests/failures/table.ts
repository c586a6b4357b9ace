import { setTimeout as sleep } from 'node:timers/promises'
import { walls } from '#tests/failures/broken-walls'
import type { OutcomeCode } from '#tests/failures/check'
import type { Person, RequestName } from '#tests/failures/requests'
import { deadlineMs, type World } from '#tests/failures/world'
import type { FaultProxy } from '#tests/support/fault-proxy'
import { hold, holdTasks } from '#tests/support/locked-tasks'
import { password } from '#tests/support/postgres'
import { send } from '#tests/support/send'

/** Makes a failure happen. @returns what mends it */
type Provoke = (world: World, people: readonly Person[]) => Promise<() => Promise<unknown>>

const nothing: Provoke = async () => async () => {}

/** A network that is so. */
function byNetwork(change: Partial<FaultProxy>): Provoke {
  return async ({ proxy }) => {
    Object.assign(proxy, change)
    if (change.mode === 'refuse') proxy.reset()
    return async () => {
      Object.assign(proxy, { mode: 'pass', delayMs: 0 })
      proxy.reset()
    }
  }
}

/** Statements that break something, and those that mend it. */
function bySql({ breakIt, mendIt }: { breakIt: string; mendIt: string }): Provoke {
  return async ({ sql }) => {
    await sql(breakIt)
    return () => sql(mendIt)
  }
}

/** A change of the login or the database which only new sessions meet, and what mends it. */
function forNewSessions(of: 'role' | 'database', breakIt: string, mendIt: string): Provoke {
  return async ({ database, login, sqlElsewhere, endSessions }) => {
    const alter = async (change: string) => {
      await sqlElsewhere(`alter ${of} ${of === 'role' ? login : database} ${change}`)
      await endSessions()
    }
    await alter(breakIt)
    return () => alter(mendIt)
  }
}

const renameDatabase: Provoke = async ({ database, endSessions, sqlElsewhere }) => {
  const rename = async (from: string, to: string) => {
    await sqlElsewhere(`alter database ${from} allow_connections false`)
    await endSessions()
    const moved = `alter database ${from} rename to ${to}`
    await sqlElsewhere(moved, `alter database ${to} allow_connections true`)
  }
  await rename(database, `${database}_gone`)
  return () => rename(`${database}_gone`, database)
}

/** For `in (…)` of SQL. */
function listed(people: readonly Person[], field: keyof Person): string {
  return people.map((person) => `'${person[field]}'`).join()
}

const holdRows: Provoke = ({ direct }, people) =>
  hold(direct, `select from tasks where id in (${listed(people, 'taskId')}) for update`)

const removeAccounts: Provoke = async ({ sql }, people) => {
  const ids = listed(people, 'id')
  await sql(`delete from tasks where user_id in (${ids})`, `delete from users where id in (${ids})`)
  return async () => {}
}

/** Uses up so many requests of each. */
function spend(quota: number): Provoke {
  return async ({ url }, people) => {
    const spendOf = async ({ id }: Person) => {
      for (let sent = 0; sent < quota; sent += 1) await send(url, 'GET', '/api/tasks', id)
    }
    await Promise.all(people.map(spendOf))
    return async () => {}
  }
}

/** An issuer that answers so, and from whom the service has no keys yet. */
function byIssuer(answer: Partial<World['issuer']['state']>): Provoke {
  return async ({ issuer }) => {
    Object.assign(issuer.state, answer)
    return async () => {
      Object.assign(issuer.state, { status: 200, body: undefined })
      // Until the service may ask it again.
      await sleep(1100)
    }
  }
}

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
