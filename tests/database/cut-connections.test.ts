import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type OpenDatabase, openDatabase } from '#db/database'
import { hasOpenssl, turnOnTls } from '#tests/database/postgres-tls'
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
beforeAll(async () => {
  server = await startPostgres()
  if (hasOpenssl) await turnOnTls(server)
})
afterAll(() => server?.remove())

const kinds: Record<string, (name: string) => string> = {
  TCP: (name) => server.url(name),
  TLS: (name) => `${server.url(name)}?sslmode=require`,
  'a Unix socket': (name) =>
    `postgres://postgres:${password}@localhost/${name}?host=${server.folder}&port=${server.port}`,
}

describe.each(Object.keys(kinds).filter((kind) => hasOpenssl || kind !== 'TLS'))(
  'over %s',
  (kind) => {
    let database: OpenDatabase
    let direct: string

    beforeEach(async () => {
      const name = await createDatabase(server)
      direct = server.url(name)
      database = await openDatabase({ ...options, url: String(kinds[kind]?.(name)), poolSize: 1 })
      await database.makeReady()
    })
    afterEach(() => database?.close())

    const own = (user: string) => statementsOf(database.forUser(user), user)
    const busy = () =>
      runSql(
        direct,
        `select query from pg_stat_activity
        where datname = current_database() and state = 'active' and pid <> pg_backend_pid()`,
      )

    async function makeUsers(count: number) {
      const users = Array.from({ length: count }, (_, index) => `user-${index}`)
      return await Promise.all(
        users.map(async (user) => {
          const id = crypto.randomUUID()
          return { user, id, version: (await own(user).insert(id)).version }
        }),
      )
    }
    const versionOf = async (id: string) =>
      (await runSql(direct, `select version from tasks where id = '${id}'`))[0]?.['version']

    test('what takes too long ends with its connection, and nothing that was queued behind it runs', async () => {
      const people = await makeUsers(5)
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
      for (const { id, version } of people) expect(await versionOf(id)).toBe(version)
      expect(await own('user-0').find(people[0]?.id ?? '')).toBeDefined()
    })

    test('a row that is locked holds up nobody but who wants it', async () => {
      const people = await makeUsers(5)
      const [first, ...others] = people
      const holder = new Client({ connectionString: direct })
      await holder.connect()
      await holder.query('begin')
      await holder.query('select from tasks where id = $1 for update', [first?.id])
      const flips = people.map(({ user, id }) => own(user).complete(id))
      expect(await Promise.all(flips.slice(1))).toMatchObject(
        others.map(({ version }) => ({ version: version + 1 })),
      )
      await holder.query('rollback')
      await holder.end()
      expect(await flips[0]).toMatchObject({ version: Number(first?.version) + 1 })
    })

    test('a connection that Postgres has ended is followed by another', async () => {
      const [person] = await makeUsers(1)
      const end = `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`
      await runSql(direct, end)
      expect(await own('user-0').find(person?.id ?? '')).toBeDefined()
    })
  },
)
