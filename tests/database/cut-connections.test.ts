import { expect, test } from 'vitest'
import { hasPgbouncer, startPgbouncer } from '#tests/database/pgbouncer'
import { hasOpenssl, startPostgresWithTls } from '#tests/database/postgres-tls'
import { makeUsers, versionOf } from '#tests/database/users'
import { start } from '#tests/support/databases'
import { createDatabase, password, runSql } from '#tests/support/postgres'
import { tasksOf } from '#tests/support/statements'

const server = await startPostgresWithTls()
const bouncer = hasPgbouncer ? await startPgbouncer(server.port, 5) : undefined
const name = await createDatabase(server)
const direct = server.url(name)
const socket = `host=${server.folder}&port=${server.port}`

/** Every kind of connection that the service itself can cut. */
const kinds = [
  ['TCP', direct],
  ['TLS', hasOpenssl && `${direct}?sslmode=require`],
  ['a Unix socket', `postgres://postgres:${password}@localhost/${name}?${socket}`],
  ['PgBouncer', bouncer?.url(name)],
] as const

test.each(kinds.filter(([, url]) => url))(
  'over %s, what takes too long ends with its connection, undone, and nothing that was queued behind it runs',
  async (_, url) => {
    const database = await start(String(url), { poolSize: 1 })
    const people = await makeUsers(database, 5)
    const unlimited = `select set_config('statement_timeout', '0', true),
      case when current_setting('server_version_num')::integer >= 170000
        then set_config('transaction_timeout', '0', true) end`
    const late = ['update tasks set version = version + 1', unlimited, 'select pg_sleep(30)']
    const statements = late.map((sql) => ({ sql, parameters: [] }))
    const running = database.transport.transaction(statements, 1500)
    const flips = people.map(({ user, id }) => tasksOf(database, user).complete(id))
    const inDoubt = { status: 'rejected', reason: { kind: 'unavailable', mayHaveRun: true } }
    const ended = await Promise.allSettled([running, ...flips])
    expect(ended).toMatchObject(ended.map(() => inDoubt))
    const busy = `select query from pg_stat_activity
      where datname = current_database() and state = 'active' and pid <> pg_backend_pid()`
    await expect.poll(() => runSql(direct, busy), { timeout: 10_000 }).toEqual([])
    for (const { id, version } of people) expect(await versionOf(direct, id)).toBe(version)
    expect(await tasksOf(database, 'user-0').find(people[0]?.id ?? '')).toBeDefined()
  },
)
