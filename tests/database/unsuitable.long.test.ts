import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { openDatabase } from '#db/database'
import { openTestDatabase, options } from '#tests/support/databases'
import { startNeonStandIn } from '#tests/support/neon-stand-in'
import { createDatabase, createLogin, password, postgresAt, runSql } from '#tests/support/postgres'

const server = postgresAt(inject('postgresPort'))

async function open(url: string) {
  const database = await openDatabase({ ...options, url })
  onTestFinished(() => database.close())
  return database
}

/** What a statement changes about a database, and what the service then says. */
const changes = [
  {
    name: 'row_security is off for the database',
    change: (database: string) => [`alter database ${database} set row_security = off`],
    mend: (database: string) => [`alter database ${database} reset row_security`],
    says: /row_security is off.*ALTER DATABASE/,
    kind: 'unsuitable',
  },
  {
    name: 'row_security is off for the login',
    change: (_: string, login: string) => [`alter role ${login} set row_security = off`],
    mend: (_: string, login: string) => [`alter role ${login} reset row_security`],
    says: /row_security is off.*ALTER ROLE/,
    kind: 'unsuitable',
  },
  {
    name: 'it takes no writes',
    change: (database: string) => [
      `alter database ${database} set default_transaction_read_only = on`,
    ],
    mend: (database: string) => [`alter database ${database} reset default_transaction_read_only`],
    says: /read-only.*default_transaction_read_only/,
    kind: 'unavailable',
  },
] as const

describe.each(changes)('where $name', ({ change, mend, says, kind }) => {
  test('the first start, a later one and the readiness say so, until it is mended', async () => {
    const name = await createDatabase(server)
    const login = await createLogin(server, 'superuser')
    await runSql(server.url('postgres'), `alter database ${name} owner to ${login}`)
    await runSql(server.url('postgres'), ...change(name, login))
    const url = server.url(name, login)
    const first = await open(url)
    await expect(first.makeReady()).rejects.toMatchObject({
      kind,
      message: expect.stringMatching(says),
    })
    await runSql(server.url('postgres'), ...mend(name, login))
    const mended = await open(url)
    await mended.makeReady()
    expect(await mended.isReady()).toBe(true)
    await runSql(server.url('postgres'), ...change(name, login))
    const later = await open(url)
    for (const ask of [() => later.makeReady(), () => later.isReady()]) {
      await expect(ask()).rejects.toMatchObject({ kind, message: expect.stringMatching(says) })
    }
  })
})

async function createIn(encoding: string): Promise<string> {
  const name = `in_${encoding.toLowerCase()}_${crypto.randomUUID().slice(0, 8)}`
  const options = `encoding '${encoding}' locale 'C' template template0`
  await runSql(server.url('postgres'), `create database ${name} ${options}`)
  return name
}

test.each(['LATIN1', 'SQL_ASCII', 'EUC_JP'])(
  'a database with the encoding %s is refused by the first start, which says what to run',
  async (encoding) => {
    const database = await open(server.url(await createIn(encoding)))
    await expect(database.makeReady()).rejects.toMatchObject({
      kind: 'unsuitable',
      message: expect.stringMatching(
        new RegExp(`encoding of the database is ${encoding}.*ICU.*ENCODING 'UTF8' TEMPLATE`),
      ),
    })
    // Nothing was migrated.
    const [row] = await database.transport
      .transaction([{ sql: "select to_regclass('tasks') as tasks", parameters: [] }], 5000)
      .then((results) => results[0] ?? [])
    expect(row).toEqual({ tasks: null })
  },
)

test('a database with another encoding is refused over Neon too', async () => {
  const standIn = await startNeonStandIn(server.port, password)
  onTestFinished(() => standIn.close())
  const database = await open(standIn.url(await createIn('LATIN1')))
  await expect(database.makeReady()).rejects.toThrow(/encoding of the database is/)
})

test('a LATIN1 database that an earlier version migrated is not ready', async () => {
  const name = await createIn('LATIN1')
  // The earlier version saw no difference, and neither does this one where the catalogue lies.
  const lie = `update pg_database set encoding = pg_char_to_encoding('%s') where datname = '${name}'`
  await runSql(server.url('postgres'), lie.replace('%s', 'UTF8'))
  const earlier = await open(server.url(name))
  await earlier.makeReady()
  expect(await earlier.isReady()).toBe(true)
  await runSql(server.url('postgres'), lie.replace('%s', 'LATIN1'))
  await expect(earlier.isReady()).rejects.toMatchObject({ kind: 'unsuitable' })
})

test('a Postgres without ICU is refused, and told apart', async () => {
  const { database, asAdministrator, close } = await openTestDatabase('postgres')
  onTestFinished(close)
  await asAdministrator(`delete from pg_collation where collname = 'und-x-icu'`)
  await expect(database.makeReady()).rejects.toMatchObject({
    kind: 'unsuitable',
    message: expect.stringMatching(/without ICU.*--with-icu/),
  })
})
