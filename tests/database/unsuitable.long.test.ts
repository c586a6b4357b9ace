import { expect, test } from 'vitest'
import { makeReady, newDatabase, open, server, start, startNeon } from '#tests/support/databases'
import { createLogin, runSql } from '#tests/support/postgres'
import { tasksOf } from '#tests/support/statements'

/** What may be set for a database or a login, and what the service then says. */
const readOnly = 'default_transaction_read_only'
test.each([
  ['database', 'row_security = off', 'unsuitable', /row_security is off.*ALTER DATABASE/],
  ['login', 'row_security = off', 'unsuitable', /row_security is off.*ALTER ROLE/],
  ['database', `${readOnly} = on`, 'unavailable', new RegExp(`read-only.*${readOnly}`)],
])(
  'where the %s has %s, the first start, a later one and the readiness say so, until it is mended',
  async (where, setting, kind, says) => {
    const { name, urlOf } = await newDatabase()
    const login = await createLogin(server, 'superuser')
    const target = where === 'database' ? `database ${name}` : `role ${login}`
    const alter = (change: string) => runSql(server.url('postgres'), `alter ${target} ${change}`)
    const url = urlOf(login)
    const refused = { kind, message: expect.stringMatching(says) }
    await runSql(server.url('postgres'), `alter database ${name} owner to ${login}`)
    await alter(`set ${setting}`)
    await expect(makeReady(url)).rejects.toMatchObject(refused)
    await alter(`reset ${setting.split(' ')[0]}`)
    expect(await (await start(url)).isReady()).toBe(true)
    await alter(`set ${setting}`)
    const later = await open(url)
    for (const ask of [() => later.makeReady(), () => later.isReady()]) {
      await expect(ask()).rejects.toMatchObject(refused)
    }
  },
)

const strange = `locale 'C' template template0`

test.each([
  ['LATIN1', 'Postgres'],
  ['SQL_ASCII', 'Postgres'],
  ['EUC_JP', 'Neon'],
])(
  'a database with the encoding %s on %s is refused by the first start, which says what to run',
  async (encoding, way) => {
    const { name, sql } = await newDatabase(`encoding '${encoding}' ${strange}`)
    const says = `encoding of the database is ${encoding}.*ICU.*ENCODING 'UTF8' TEMPLATE`
    const refused = { kind: 'unsuitable', message: expect.stringMatching(says) }
    const starting = makeReady((way === 'Neon' ? await startNeon() : server).url(name))
    await expect(starting).rejects.toMatchObject(refused)
    expect(await sql(`select to_regclass('tasks') as tasks`)).toEqual([{ tasks: null }])
  },
)

test('a LATIN1 database that an earlier version migrated is not ready', async () => {
  const { name, url } = await newDatabase(`encoding 'LATIN1' ${strange}`)
  // The earlier version saw no difference, and neither does this one where the catalogue lies.
  const lie = (encoding: string) =>
    runSql(
      server.url('postgres'),
      `update pg_database set encoding = pg_char_to_encoding('${encoding}') where datname = '${name}'`,
    )
  await lie('UTF8')
  const earlier = await start(url)
  expect(await earlier.isReady()).toBe(true)
  await lie('LATIN1')
  await expect(earlier.isReady()).rejects.toMatchObject({ kind: 'unsuitable' })
})

test('a Postgres without ICU is refused, and told apart', async () => {
  const { url, sql } = await newDatabase()
  await sql(`delete from pg_collation where collname = 'und-x-icu'`)
  const message = expect.stringMatching(/without ICU.*--with-icu/)
  await expect(makeReady(url)).rejects.toMatchObject({ kind: 'unsuitable', message })
})

const lists = 'kysely_migration, kysely_migration_lock'

test.each([
  ['rate_limits', 'rate_limits', 1],
  ['tasks', 'tasks', 0],
  ['tasks', `tasks, rate_limits, ${lists}`, 0],
])(
  'where %s is gone, as another program dropped %s, the service is not ready, and what the start says to run mends that',
  async (gone, dropped, left) => {
    const { url, sql } = await newDatabase()
    const database = await start(url)
    const own = (at: typeof database, requests = 9) => {
      const limit = { quota: { requests, seconds: 60 }, onPermit: () => {} }
      return tasksOf(at, 'alice', 8000, limit)
    }
    await own(database).insert(crypto.randomUUID())
    await sql(`drop table ${dropped} cascade`)
    expect(await database.isReady().catch(() => false)).toBe(false)
    const said = String(await makeReady(url).catch(String))
    expect(said).toContain(`The table ${gone} is gone`)
    await sql(...(said.match(/(?:CREATE|ALTER|DROP) [^;]+;/g) ?? []))
    const mended = await start(url)
    expect(await mended.isReady()).toBe(true)
    expect(JSON.parse((await own(mended).list()).json)).toHaveLength(left)
    await expect(own(mended, 1).list()).rejects.toMatchObject({ kind: 'rate_limited' })
  },
)
