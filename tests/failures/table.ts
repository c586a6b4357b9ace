import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { walls } from '#tests/failures/broken-walls'
import type { OutcomeCode } from '#tests/failures/outcomes'
import type { Person, RequestName } from '#tests/failures/requests'
import { deadlineMs, type World } from '#tests/failures/world'
import { holdTasks } from '#tests/support/locked-tasks'
import { password } from '#tests/support/postgres'
import { send } from '#tests/support/send'

/** One thing that goes wrong: how, what is asked meanwhile, and what becomes of each request. */
export interface Failure {
  readonly name: string
  /** Makes it happen. @returns what mends it */
  provoke(world: World, people: readonly Person[]): Promise<() => Promise<unknown>>
  readonly requests: readonly RequestName[]
  readonly outcome: OutcomeCode
  /** What the line of the log tells the operator, and the answer must not. */
  readonly says?: string
}

/** What the service is started with, as the failures need it. */
export const tableSettings = {
  // One comes back after half an hour, and not while a slow machine spends the others.
  RATE_LIMIT: '20/99999',
  SESSION_TOKENS: 'true',
  TASKS_PATH: '/api/users/{user_id}/todos',
}
const quota = 20

const writes = ['create', 'replace', 'change', 'complete', 'delete'] as const
const operations = ['list', 'read', ...writes] as const
const everything = [...operations, 'list with a session token', 'ready'] as const
const nothing = async () => {}

/** Statements that break something, and those that mend it. */
function bySql(breakIt: readonly string[], mendIt: readonly string[]): Failure['provoke'] {
  return async ({ sql }) => {
    await sql(...breakIt)
    return () => sql(...mendIt)
  }
}

/** The same for what only a new session meets. */
function forNewSessions(
  breakIt: (world: World) => readonly string[],
  mendIt: (world: World) => readonly string[],
): Failure['provoke'] {
  return async (world) => {
    await world.sqlElsewhere(...breakIt(world))
    await world.endSessions()
    return async () => {
      await world.sqlElsewhere(...mendIt(world))
      await world.endSessions()
    }
  }
}

const away: Failure[] = [
  {
    name: 'the database refuses connections',
    async provoke({ proxy }) {
      proxy.mode = 'refuse'
      proxy.reset()
      return async () => {
        proxy.mode = 'pass'
      }
    },
    requests: everything,
    outcome: 'database_unavailable',
  },
  {
    name: 'the database goes silent in the middle',
    async provoke({ proxy }) {
      proxy.mode = 'stall'
      return async () => {
        proxy.mode = 'pass'
        proxy.reset()
      }
    },
    requests: everything,
    outcome: 'database_unavailable',
  },
  {
    name: 'the database answers after the deadline',
    async provoke({ proxy }) {
      proxy.delayMs = deadlineMs
      return async () => {
        proxy.delayMs = 0
      }
    },
    requests: operations,
    outcome: 'database_unavailable',
  },
  {
    name: 'the login has another password',
    provoke: forNewSessions(
      ({ login }) => [`alter role ${login} password 'another'`],
      ({ login }) => [`alter role ${login} password '${password}'`],
    ),
    requests: everything,
    outcome: 'database_unavailable',
  },
  {
    name: 'the login may not log in',
    provoke: forNewSessions(
      ({ login }) => [`alter role ${login} nologin`],
      ({ login }) => [`alter role ${login} login`],
    ),
    requests: everything,
    outcome: 'database_unavailable',
  },
  {
    name: 'the database does not exist',
    provoke: async ({ database, endSessions, sqlElsewhere }) => {
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
    },
    requests: everything,
    outcome: 'database_unavailable',
  },
  {
    name: 'the database takes no connections',
    provoke: forNewSessions(
      ({ database }) => [`alter database ${database} allow_connections false`],
      ({ database }) => [`alter database ${database} allow_connections true`],
    ),
    requests: everything,
    outcome: 'database_unavailable',
  },
  {
    name: 'the database is read-only, as a standby is in a failover',
    provoke: forNewSessions(
      ({ login }) => [`alter role ${login} set default_transaction_read_only = on`],
      ({ login }) => [`alter role ${login} reset default_transaction_read_only`],
    ),
    requests: writes,
    outcome: 'database_unavailable',
  },
  {
    name: 'the table of tasks is locked',
    provoke: ({ direct }) => holdTasks(direct),
    requests: operations,
    outcome: 'database_unavailable',
  },
  {
    name: 'somebody holds the row of the task',
    async provoke({ direct }, people) {
      const holder = new Client({ connectionString: direct })
      await holder.connect()
      const ids = people.map(({ taskId }) => `'${taskId}'`).join()
      await holder.query(`begin; select from tasks where id in (${ids}) for update`)
      return () => holder.end()
    },
    requests: ['replace', 'change', 'complete', 'delete'],
    outcome: 'database_unavailable',
  },
]

const tooMuch: Failure[] = [
  {
    name: 'a user is over RATE_LIMIT',
    async provoke({ url }, people) {
      await Promise.all(people.map(({ id }) => spendQuota(url, id)))
      return nothing
    },
    requests: operations,
    outcome: 'rate_limited',
  },
]

/** Sends a whole quota of a user's requests. */
async function spendQuota(url: string, userId: string): Promise<void> {
  for (let sent = 0; sent < quota; sent += 1) await send(url, 'GET', '/api/tasks', userId)
}

const wrong: Failure[] = [
  {
    name: 'there is no account for the token',
    async provoke({ sql }, people) {
      const ids = people.map(({ id }) => `'${id}'`).join()
      await sql(
        `delete from tasks where user_id in (${ids})`,
        `delete from users where id in (${ids})`,
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
]

const identity: Failure[] = [
  {
    name: 'the issuer answers with an error',
    async provoke({ issuer }) {
      issuer.state.status = 500
      return forgetIssuer(issuer)
    },
    requests: ['list with a key of the issuer'],
    outcome: 'keys_unavailable',
  },
  {
    name: 'the issuer answers with a page',
    async provoke({ issuer }) {
      issuer.state.body = '<html>'
      return forgetIssuer(issuer)
    },
    requests: ['list with a key of the issuer'],
    outcome: 'keys_unavailable',
  },
  {
    name: 'the issuer has no keys',
    provoke: async ({ issuer }) => forgetIssuer(issuer),
    requests: ['list with a key of the issuer'],
    outcome: 'keys_unavailable',
  },
  refused('list without a token', 'credentials_missing'),
  refused('list with a forged token', 'token_invalid'),
  refused('list with an expired token', 'token_expired'),
  refused('list of somebody else', 'other_user'),
]

/** Mends the issuer, and waits until the service may ask it again. */
function forgetIssuer({ state }: World['issuer']) {
  return async () => {
    Object.assign(state, { status: 200, body: undefined })
    await sleep(1100)
  }
}

function refused(name: RequestName, outcome: OutcomeCode): Failure {
  return { name: `a request is a ${name}`, provoke: async () => nothing, requests: [name], outcome }
}

/** Each failure of the world around the service that can be provoked from outside of it. */
export const failures: readonly Failure[] = [...away, ...tooMuch, ...wrong, ...identity]
