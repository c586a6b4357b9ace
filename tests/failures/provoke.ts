import { setTimeout as sleep } from 'node:timers/promises'
import type { Person } from '#tests/failures/requests'
import type { World } from '#tests/failures/world'
import type { FaultProxy } from '#tests/support/fault-proxy'
import { hold } from '#tests/support/locked-tasks'
import { send } from '#tests/support/send'

/** Makes a failure happen. @returns what mends it */
export type Provoke = (world: World, people: readonly Person[]) => Promise<() => Promise<unknown>>

export const nothing: Provoke = async () => async () => {}

/** A network that is so. */
export function byNetwork(change: Partial<FaultProxy>): Provoke {
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
export function bySql({ breakIt, mendIt }: { breakIt: string; mendIt: string }): Provoke {
  return async ({ sql }) => {
    await sql(breakIt)
    return () => sql(mendIt)
  }
}

/** A change of the login or the database which only new sessions meet, and what mends it. */
export function forNewSessions(of: 'role' | 'database', breakIt: string, mendIt: string): Provoke {
  return async ({ database, login, sqlElsewhere, endSessions }) => {
    const alter = async (change: string) => {
      await sqlElsewhere(`alter ${of} ${of === 'role' ? login : database} ${change}`)
      await endSessions()
    }
    await alter(breakIt)
    return () => alter(mendIt)
  }
}

export const renameDatabase: Provoke = async ({ database, endSessions, sqlElsewhere }) => {
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

export const holdRows: Provoke = ({ direct }, people) =>
  hold(direct, `select from tasks where id in (${listed(people, 'taskId')}) for update`)

export const removeAccounts: Provoke = async ({ sql }, people) => {
  const ids = listed(people, 'id')
  await sql(`delete from tasks where user_id in (${ids})`, `delete from users where id in (${ids})`)
  return async () => {}
}

/** Uses up so many requests of each. */
export function spend(quota: number): Provoke {
  return async ({ url }, people) => {
    const spendOf = async ({ id }: Person) => {
      for (let sent = 0; sent < quota; sent += 1) await send(url, 'GET', '/api/tasks', id)
    }
    await Promise.all(people.map(spendOf))
    return async () => {}
  }
}

/** An issuer that answers so, and from whom the service has no keys yet. */
export function byIssuer(answer: Partial<World['issuer']['state']>): Provoke {
  return async ({ issuer }) => {
    Object.assign(issuer.state, answer)
    return async () => {
      Object.assign(issuer.state, { status: 200, body: undefined })
      // Until the service may ask it again.
      await sleep(1100)
    }
  }
}
