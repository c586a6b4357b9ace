import { expect, inject, onTestFinished, test } from 'vitest'
import { openDatabase } from '#db/database'
import { makeReady, options } from '#tests/support/databases'
import { startNeonStandIn } from '#tests/support/neon-stand-in'
import { createDatabase, createLogin, password, postgresAt, runSql } from '#tests/support/postgres'

const server = postgresAt(inject('postgresPort'))

async function open(url: string) {
  const database = await openDatabase({ ...options, url })
  onTestFinished(() => database.close())
  return database
}

/** What may be set for a database or a login, and what the service then says. */
test.each([
  ['database', 'row_security = off', 'unsuitable', /row_security is off.*ALTER DATABASE/],
  ['login', 'row_security = off', 'unsuitable', /row_security is off.*ALTER ROLE/],
  [
    'database',
    'default_transaction_read_only = on',
    'unavailable',
    /read-only.*default_transaction_read_only/,
  ],
])(
  'where the %s has %s, the first start, a later one and the readiness say so, until it is mended',
  async (where, setting, kind, says) => {
    const name = await createDatabase(server)
    const login = await createLogin(server, 'superuser')
    const target = where === 'database' ? `database ${name}` : `role ${login}`
    const alter = (change: string) => runSql(server.url('postgres'), `alter ${target} ${change}`)
    const url = server.url(name, login)
    const refused = { kind, message: expect.stringMatching(says) }
    await runSql(server.url('postgres'), `alter database ${name} owner to ${login}`)
    await alter(`set ${setting}`)
    await expect((await open(url)).makeReady()).rejects.toMatchObject(refused)
    await alter(`reset ${setting.split(' ')[0]}`)
    const mended = await open(url)
    await mended.makeReady()
    expect(await mended.isReady()).toBe(true)
    await alter(`set ${setting}`)
    const later = await open(url)
    for (const ask of [() => later.makeReady(), () => later.isReady()]) {
      await expect(ask()).rejects.toMatchObject(refused)
    }
  },
)

const strange = `locale 'C' template template0`
const inLatin1 = `encoding 'LATIN1' ${strange}`

test.each([
  ['LATIN1', 'Postgres'],
  ['SQL_ASCII', 'Postgres'],
  ['EUC_JP', 'Neon'],
])(
  'a database with the encoding %s on %s is refused by the first start, which says what to run',
  async (encoding, way) => {
    const name = await createDatabase(server, `encoding '${encoding}' ${strange}`)
    const standIn = await startNeonStandIn(server.port, password)
    onTestFinished(() => standIn.close())
    const says = `encoding of the database is ${encoding}.*ICU.*ENCODING 'UTF8' TEMPLATE`
    const refused = { kind: 'unsuitable', message: expect.stringMatching(says) }
    const starting = makeReady((way === 'Neon' ? standIn : server).url(name))
    await expect(starting).rejects.toMatchObject(refused)
    const migrated = await runSql(server.url(name), `select to_regclass('tasks') as tasks`)
    expect(migrated).toEqual([{ tasks: null }])
  },
)

test('a LATIN1 database that an earlier version migrated is not ready', async () => {
  const name = await createDatabase(server, inLatin1)
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
  const url = server.url(await createDatabase(server))
  await runSql(url, `delete from pg_collation where collname = 'und-x-icu'`)
  const message = expect.stringMatching(/without ICU.*--with-icu/)
  await expect(makeReady(url)).rejects.toMatchObject({ kind: 'unsuitable', message })
})
