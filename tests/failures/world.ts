import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject } from 'vitest'
import { newDatabase, server } from '#tests/support/databases'
import { startFaultProxy } from '#tests/support/fault-proxy'
import { newKey, startKeyServer } from '#tests/support/key-server'
import { createLogin, runSql } from '#tests/support/postgres'
import { send } from '#tests/support/send'
import { startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

/** What serves in this project. A test takes it from here, and does the same on each. */
export const host = inject('host')

/**
 * All that a request may spend on the database: short, so that a test need not wait for long, and
 * long enough for a second attempt on a busy machine.
 */
export const deadlineMs = host === 'next dev' ? 6000 : 3000
/** What a busy machine may add to a deadline: without one, a request would wait for ever. */
export const slackMs = 60_000

/** The tables that Better Auth shares with the service, as far as the service looks at them. */
const tablesOfBetterAuth = [
  'create table users (id text primary key, name text not null, "emailVerified" boolean not null)',
  'create table account (id text primary key, "userId" text not null references users (id))',
  'create table session (token text, "userId" text, "expiresAt" timestamptz)',
]

/**
 * A service of this project's host as it runs in production: a login and a database of its own
 * behind a network that can fail, the users of Better Auth, and an issuer that can fail as well.
 */
export async function openWorld(env: Record<string, string> = {}) {
  const { name: database, url: direct, sql } = await newDatabase()
  const login = await createLogin(server, 'superuser')
  const sqlElsewhere = (...statements: string[]) => runSql(server.url('postgres'), ...statements)
  await sql(...tablesOfBetterAuth)
  const proxy = await startFaultProxy(server.port)
  const issuer = await startKeyServer()
  const service = await startService(host, {
    DATABASE_URL: proxy.url(database, login),
    DATABASE_TIMEOUT_MS: String(deadlineMs),
    BETTER_AUTH_URL: issuer.url,
    LOG_LEVEL: 'info',
    ...env,
  })
  if (host === 'next dev') await compileRoutes(service.url)
  return {
    service,
    url: service.url,
    database,
    login,
    proxy,
    issuer,
    /** Signs as the issuer does, with a key that is not in its set yet. */
    key: await newKey(`key-${database}`),
    /** Where the tasks are, as the administrator, past the network. */
    direct,
    sql,
    /** The same in another database, for what cannot be done from within. */
    sqlElsewhere,
    /** Ends the service's sessions, so that what a new one meets is met by all. */
    endSessions: () =>
      sqlElsewhere(
        `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${login}'`,
      ),
    /** Waits until requests are served and the service is ready, as it must be by itself. */
    async recovers() {
      const isWell = async () =>
        (await send(service.url, 'GET', '/api/tasks', newUser())).status === 200 &&
        (await send(service.url, 'GET', '/health/ready')).status === 200
      while (!(await isWell())) await sleep(50)
      expect(service.process.exitCode, service.output()).toBeNull()
    },
    async close() {
      await service.stop('SIGKILL')
      await proxy.close()
      await issuer.stop()
    },
  }
}

/** `next dev` compiles a route when it is first asked for, which takes longer than any deadline. */
async function compileRoutes(url: string): Promise<void> {
  const paths = ['api/tasks', 'api/tasks/x', 'api/tasks/x/complete', 'api/x/tasks', 'health/ready']
  for (const path of paths) await (await fetch(`${url}/${path}`)).text()
}

export type World = Awaited<ReturnType<typeof openWorld>>
