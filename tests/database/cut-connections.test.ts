import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type OpenDatabase, openDatabase } from '#db/database'
import { hasOpenssl, turnOnTls } from '#tests/database/postgres-tls'
import { makeUsers, versionOf } from '#tests/database/users'
import { options } from '#tests/support/databases'
import {
  createDatabase,
  type PostgresServer,
  password,
  runSql,
  startPostgres,
} from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

let server: PostgresServer
let name: string
let direct: string

beforeAll(async () => {
  server = await startPostgres()
  if (hasOpenssl) await turnOnTls(server)
  name = await createDatabase(server)
  direct = server.url(name)
})
afterAll(() => server?.remove())

/** Over plain TCP, `time-limits.test.ts` and `broken-connections.test.ts` have the same. */
const kinds: Record<string, () => string> = {
  TLS: () => `${direct}?sslmode=require`,
  'a Unix socket': () =>
    `postgres://postgres:${password}@localhost/${name}?host=${server.folder}&port=${server.port}`,
}

describe.each(Object.keys(kinds).filter((kind) => hasOpenssl || kind !== 'TLS'))(
  'over %s',
  (kind) => {
    let database: OpenDatabase

    beforeAll(async () => {
      database = await openDatabase({ ...options, url: String(kinds[kind]?.()), poolSize: 1 })
      await database.makeReady()
    })
    afterAll(() => database?.close())

    const own = (user: string) => statementsOf(database.forUser(user), user)
    const busy = () =>
      runSql(
        direct,
        `select query from pg_stat_activity
        where datname = current_database() and state = 'active' and pid <> pg_backend_pid()`,
      )

    test('what takes too long ends with its connection, and nothing that was queued behind it runs', async () => {
      const people = await makeUsers(database, 5)
      const unlimited = `select set_config('statement_timeout', '0', true),
      case when current_setting('server_version_num')::integer >= 170000
        then set_config('transaction_timeout', '0', true) end`
      const late = database.transport.transaction(
        [
          { sql: unlimited, parameters: [] },
          { sql: 'select pg_sleep(30)', parameters: [] },
        ],
        1500,
      )
      const flips = Promise.allSettled(people.map(({ user, id }) => own(user).complete(id)))
      await expect(late).rejects.toMatchObject({ kind: 'unavailable', mayHaveRun: true })
      for (const flip of await flips) {
        expect(flip).toMatchObject({ reason: { kind: 'unavailable', mayHaveRun: true } })
      }
      await expect.poll(busy, { timeout: 10_000 }).toEqual([])
      for (const { id, version } of people) expect(await versionOf(direct, id)).toBe(version)
      expect(await own('user-0').find(people[0]?.id ?? '')).toBeDefined()
    })

    test('a connection that Postgres has ended is followed by another', async () => {
      const [person] = await makeUsers(database, 1)
      const end = `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`
      await runSql(direct, end)
      expect(await own('user-0').find(person?.id ?? '')).toBeDefined()
    })
  },
)
