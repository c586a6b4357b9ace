import { setTimeout as sleep } from 'node:timers/promises'
import { walls } from '#tests/failures/broken-walls'
import type { OutcomeCode } from '#tests/failures/outcomes'
import type { Person, RequestName } from '#tests/failures/requests'
import { deadlineMs, type World } from '#tests/failures/world'
import type { FaultProxy } from '#tests/support/fault-proxy'
import { hold, holdTasks } from '#tests/support/locked-tasks'
import { password } from '#tests/support/postgres'
import { send } from '#tests/support/send'

/** Makes a failure happen. @returns what mends it */
type Provoke = (world: World, people: readonly Person[]) => Promise<() => Promise<unknown>>

/** One thing that goes wrong: how, what is asked meanwhile, and what becomes of each request. */
export interface Failure {
  readonly name: string
  readonly provoke: Provoke
  readonly requests: readonly RequestName[]
  readonly outcome: OutcomeCode
  /** What the line of the log tells the operator, and the answer must not. */
  readonly says?: string
}

const quota = 20

/** What the service is started with, as the failures need it. */
export const tableSettings = {
  // One comes back after more than an hour, and not while a slow machine spends the others.
  RATE_LIMIT: `${quota}/99999`,
  SESSION_TOKENS: 'true',
  TASKS_PATH: '/api/users/{user_id}/todos',
}

const writes = ['create', 'replace', 'change', 'complete', 'delete'] as const
const operations = ['list', 'read', ...writes] as const
const everything = [...operations, 'list with a session token', 'ready'] as const
const nothing = async () => {}

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
function bySql(breakIt: readonly string[], mendIt: readonly string[]): Provoke {
  return async ({ sql }) => {
    await sql(...breakIt)
    return () => sql(...mendIt)
  }
}

/** A change of the login or the database which only new sessions meet, and what mends it. */
function forNewSessions(of: 'login' | 'database', breakIt: string, mendIt: string): Provoke {
  return async (world) => {
    const alter = async (change: string) => {
      const what = of === 'login' ? 'role' : 'database'
      await world.sqlElsewhere(`alter ${what} ${world[of]} ${change}`)
      await world.endSessions()
    }
    await alter(breakIt)
    return () => alter(mendIt)
  }
}

const away: [name: string, requests: readonly RequestName[], provoke: Provoke][] = [
  ['the database refuses connections', everything, byNetwork({ mode: 'refuse' })],
  ['the database goes silent in the middle', everything, byNetwork({ mode: 'stall' })],
  ['the database answers after the deadline', operations, byNetwork({ delayMs: deadlineMs })],
  [
    'the login has another password',
    everything,
    forNewSessions('login', "password 'another'", `password '${password}'`),
  ],
  ['the login may not log in', everything, forNewSessions('login', 'nologin', 'login')],
  [
    'the database takes no connections',
    everything,
    forNewSessions('database', 'allow_connections false', 'allow_connections true'),
  ],
  [
    'the database is read-only, as a standby is in a failover',
    writes,
    forNewSessions(
      'login',
      'set default_transaction_read_only = on',
      'reset default_transaction_read_only',
    ),
  ],
  ['the database does not exist', everything, renameDatabase],
  ['the table of tasks is locked', operations, ({ direct }) => holdTasks(direct)],
  [
    'somebody holds the row of the task',
    ['replace', 'change', 'complete', 'delete'],
    ({ direct }, people) =>
      hold(direct, `select from tasks where id in (${listed(people, 'taskId')}) for update`),
  ],
]

async function renameDatabase({ database, endSessions, sqlElsewhere }: World) {
  const rename = async (from: string, to: string) => {
    await sqlElsewhere(`alter database ${from} allow_connections false`)
    await endSessions()
    await sqlElsewhere(
      `alter database ${from} rename to ${to}`,
      `alter database ${to} allow_connections true`,
    )
  }
  await rename(database, `${database}_gone`)
  return () => rename(`${database}_gone`, database)
}

/** For `in (…)` of SQL. */
function listed(people: readonly Person[], field: keyof Person): string {
  return people.map((person) => `'${person[field]}'`).join()
}

const others: Failure[] = [
  {
    name: 'a user is over RATE_LIMIT',
    async provoke({ url }, people) {
      const spendQuota = async (userId: string) => {
        for (let sent = 0; sent < quota; sent += 1) await send(url, 'GET', '/api/tasks', userId)
      }
      await Promise.all(people.map(({ id }) => spendQuota(id)))
      return nothing
    },
    requests: operations,
    outcome: 'rate_limited',
  },
  {
    name: 'there is no account for the token',
    async provoke({ sql }, people) {
      await sql(
        `delete from tasks where user_id in (${listed(people, 'id')})`,
        `delete from users where id in (${listed(people, 'id')})`,
      )
      return nothing
    },
    requests: ['create'],
    outcome: 'account_unknown',
  },
  {
    name: 'the schema was changed by somebody',
    provoke: bySql(
      ['alter table tasks rename column title to heading'],
      ['alter table tasks rename column heading to title'],
    ),
    requests: operations,
    outcome: 'internal_error',
    says: '42703',
  },
  {
    name: 'the sessions are in another table',
    provoke: bySql(
      ['alter table session rename to sessions'],
      ['alter table sessions rename to session'],
    ),
    requests: ['list with a session token', 'ready'],
    outcome: 'not_ready',
    says: 'SESSIONS_TABLE',
  },
  ...walls.map(
    ({ name, breakIt, mendIt, remedy }): Failure => ({
      name,
      provoke: bySql(breakIt, mendIt),
      requests: ['ready'],
      outcome: 'not_ready',
      says: remedy,
    }),
  ),
  byIssuer('the issuer answers with an error', { status: 500 }),
  byIssuer('the issuer answers with a page', { body: '<html>' }),
  byIssuer('the issuer has no keys', { keys: [] }),
  refused('list without a token', 'credentials_missing'),
  refused('list with a forged token', 'token_invalid'),
  refused('list with an expired token', 'token_expired'),
  refused('list of somebody else', 'other_user'),
]

/** An issuer that answers so, and from whom the service has no keys yet. */
function byIssuer(name: string, answer: Partial<World['issuer']['state']>): Failure {
  return {
    name,
    async provoke({ issuer }) {
      Object.assign(issuer.state, answer)
      return async () => {
        Object.assign(issuer.state, { status: 200, body: undefined })
        // Until the service may ask it again.
        await sleep(1100)
      }
    },
    requests: ['list with a key of the issuer'],
    outcome: 'keys_unavailable',
  }
}

function refused(name: RequestName, outcome: OutcomeCode): Failure {
  return { name: `a request is a ${name}`, provoke: async () => nothing, requests: [name], outcome }
}

/** Each failure of the world around the service that can be provoked from outside of it. */
export const failures: readonly Failure[] = [
  ...away.map(
    ([name, requests, provoke]): Failure => ({
      ...{ name, requests, provoke, outcome: 'database_unavailable' },
    }),
  ),
  ...others,
]
