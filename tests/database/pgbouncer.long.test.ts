import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { type OpenDatabase, openDatabase } from '#db/database'
import { callAsForty } from '#tests/database/callers'
import { hasPgbouncer, knowsNames, startPgbouncer } from '#tests/database/pgbouncer'
import { options } from '#tests/support/databases'
import { startFaultProxy } from '#tests/support/fault-proxy'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

const postgres = postgresAt(inject('postgresPort'))

/** Of how many statements each connection behind PgBouncer may know the names: none, all, too few. */
const numbers = knowsNames ? [0, 200, 2] : [0]

describe.skipIf(!hasPgbouncer).each(numbers)('through PgBouncer, with %i names', (names) => {
  // Where nobody says that it knows names, it is found out that it stands between.
  const own = { ...options, namedStatements: names > 0 || undefined }
  let bouncer: Awaited<ReturnType<typeof startPgbouncer>>
  let name: string
  let url: string
  let direct: string
  let database: OpenDatabase
  const open = () => openDatabase({ ...own, url, poolSize: 40 })

  beforeAll(async () => {
    bouncer = await startPgbouncer(postgres.port, 5, names)
    name = await createDatabase(postgres)
    direct = postgres.url(name)
    url = postgresAt(bouncer.port).url(name)
    database = await open()
  })
  afterAll(async () => {
    await database?.close()
    await bouncer?.stop()
  })

  test('migrations of several processes at once leave no lock behind', async () => {
    const several = await Promise.all(Array.from({ length: 4 }, open))
    await Promise.all([database, ...several].map((each) => each.makeReady()))
    await Promise.all(several.map((each) => each.close()))
    const locks = `select from pg_locks join pg_database on database = pg_database.oid
      where locktype = 'advisory' and datname = current_database()`
    expect(await runSql(direct, locks)).toEqual([])
  })

  test('40 callers on 5 connections never meet each other’s role, user or rows', async () => {
    const { backends } = await callAsForty(database, (round) => round === 12)
    expect(backends.size).toBeGreaterThan(1)
    expect(backends.size).toBeLessThanOrEqual(5)
    // It has renamed the statements, and keeps no more of them than it has room for.
    const most = Math.max(...backends.values())
    if (names === 200) expect(most).toBeGreaterThanOrEqual(4)
    else expect(most).toBe(names)
  })

  test('a column gets another type, and tasks are read and changed as before', async () => {
    const tasks = statementsOf(database.forUser('migrated'), 'migrated')
    const id = crypto.randomUUID()
    const inserted = await tasks.insert(id)
    expect(await tasks.find(id)).toEqual(inserted)
    let { version } = inserted
    for (const type of ['varchar(300)', 'text']) {
      expect((await tasks.complete(id))?.version).toBe(++version)
      await runSql(direct, `alter table tasks alter title type ${type}`)
      expect((await tasks.find(id))?.version).toBe(version)
    }
    expect((await tasks.complete(id))?.version).toBe(++version)
  })

  test('where the connection behind it breaks, whatever was sent is in doubt: it may have run', async () => {
    const proxy = await startFaultProxy(postgres.port)
    onTestFinished(proxy.close)
    const between = await startPgbouncer(proxy.port, 1, names)
    onTestFinished(between.stop)
    const behindUrl = postgresAt(between.port).url(name)
    const behind = await openDatabase({ ...own, url: behindUrl, poolSize: 1 })
    onTestFinished(() => behind.close())
    const id = crypto.randomUUID()
    const users = ['first', 'second', 'third']
    for (const user of users) await statementsOf(behind.forUser(user), user).insert(id)
    // The flips arrive, and their answers are on the way back.
    proxy.delayMs = 1500
    const flips = users.map((user) => statementsOf(behind.forUser(user), user).complete(id))
    const ended = Promise.allSettled(flips)
    const look = `select completed from tasks where id = '${id}'`
    const ran = users.map(() => ({ completed: true }))
    await expect.poll(() => runSql(direct, look), { timeout: 5000 }).toEqual(ran)
    proxy.reset()
    proxy.delayMs = 0
    const inDoubt = { status: 'rejected', reason: { kind: 'unavailable', mayHaveRun: true } }
    expect(await ended).toMatchObject(users.map(() => inDoubt))
    expect(await runSql(direct, look)).toEqual(ran)
  })

  test('a server connection keeps nothing of the request that it served', async () => {
    const look = `select current_user::text as role, pg_sleep(0.01),
  coalesce(current_setting('app.user_id', true), '') as "user",
  current_setting('statement_timeout') as timeout`
    const looks = Array.from({ length: 20 }, () => runSql(url, look))
    for (const [row] of await Promise.all(looks)) {
      expect(row).toMatchObject({ role: 'postgres', user: '', timeout: '0' })
    }
  })
})
