import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '#db/database'
import { hasOpenssl, turnOnTls } from '#tests/database/postgres-tls'
import { makeUsers, versionOf } from '#tests/database/users'
import { options } from '#tests/support/databases'
import { hasPgbouncer, startPgbouncer } from '#tests/support/pgbouncer'
import {
  createDatabase,
  type PostgresServer,
  password,
  postgresAt,
  runSql,
  startPostgres,
} from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

let server: PostgresServer
let name: string

beforeAll(async () => {
  server = await startPostgres()
  if (hasOpenssl) await turnOnTls(server)
  name = await createDatabase(server)
})
afterAll(() => server?.remove())

async function behindPgbouncer(): Promise<string> {
  const bouncer = await startPgbouncer(server.port, 5)
  onTestFinished(() => bouncer.stop())
  return postgresAt(bouncer.port).url(name)
}

/** Every kind of connection that the service itself can cut. */
const kinds: [string, boolean, () => string | Promise<string>][] = [
  ['TCP', true, () => server.url(name)],
  ['TLS', hasOpenssl, () => `${server.url(name)}?sslmode=require`],
  [
    'a Unix socket',
    true,
    () =>
      `postgres://postgres:${password}@localhost/${name}?host=${server.folder}&port=${server.port}`,
  ],
  ['PgBouncer', hasPgbouncer, behindPgbouncer],
]

test.each(kinds.filter(([, isThere]) => isThere))(
  'over %s, what takes too long ends with its connection, undone, and nothing that was queued behind it runs',
  async (_, __, urlOf) => {
    const database = await openDatabase({ ...options, url: await urlOf(), poolSize: 1 })
    onTestFinished(() => database.close())
    await database.makeReady()
    const people = await makeUsers(database, 5)
    const own = (user: string) => statementsOf(database.forUser(user), user)
    const unlimited = `select set_config('statement_timeout', '0', true),
      case when current_setting('server_version_num')::integer >= 170000
        then set_config('transaction_timeout', '0', true) end`
    const late = database.transport.transaction(
      ['update tasks set version = version + 1', unlimited, 'select pg_sleep(30)'].map((sql) => ({
        sql,
        parameters: [],
      })),
      1500,
    )
    const flips = people.map(({ user, id }) => own(user).complete(id))
    const inDoubt = { status: 'rejected', reason: { kind: 'unavailable', mayHaveRun: true } }
    const ended = await Promise.allSettled([late, ...flips])
    expect(ended).toMatchObject(ended.map(() => inDoubt))
    const direct = server.url(name)
    const busy = `select query from pg_stat_activity
      where datname = current_database() and state = 'active' and pid <> pg_backend_pid()`
    await expect.poll(() => runSql(direct, busy), { timeout: 10_000 }).toEqual([])
    for (const { id, version } of people) expect(await versionOf(direct, id)).toBe(version)
    expect(await own('user-0').find(people[0]?.id ?? '')).toBeDefined()
  },
)
