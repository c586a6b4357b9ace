import { describe, expect, test } from 'vitest'
import { callAsForty } from '#tests/database/callers'
import { hasPgbouncer, knowsNames, startPgbouncer } from '#tests/database/pgbouncer'
import { newDatabase, open, server, start, startNetwork } from '#tests/support/databases'
import { runSql } from '#tests/support/postgres'
import { tasksOf } from '#tests/support/statements'

/** Of how many statements each connection behind PgBouncer may know the names: none, all, too few. */
const numbers = knowsNames ? [0, 200, 2] : [0]

describe.skipIf(!hasPgbouncer).each(numbers)('through PgBouncer, with %i names', async (names) => {
  // Where nobody says that it knows names, it is found out that it stands between.
  const options = { namedStatements: names > 0 || undefined, poolSize: 40 }
  // What is skipped is collected all the same.
  const bouncer = hasPgbouncer ? await startPgbouncer(server.port, 5, names) : server
  const { name, sql } = await newDatabase()
  const url = bouncer.url(name)
  const database = await open(url, options)

  test('migrations of several processes at once leave no lock behind', async () => {
    const several = await Promise.all(Array.from({ length: 4 }, () => open(url, options)))
    await Promise.all([database, ...several].map((each) => each.makeReady()))
    await Promise.all(several.map((each) => each.close()))
    const locks = `select from pg_locks join pg_database on database = pg_database.oid
      where locktype = 'advisory' and datname = current_database()`
    expect(await sql(locks)).toEqual([])
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
    const tasks = tasksOf(database, 'migrated')
    const { id, ...inserted } = await tasks.create()
    expect(await tasks.find(id)).toEqual(inserted)
    let { version } = inserted
    for (const type of ['varchar(300)', 'text']) {
      expect((await tasks.complete(id))?.version).toBe(++version)
      await sql(`alter table tasks alter title type ${type}`)
      expect((await tasks.find(id))?.version).toBe(version)
    }
    expect((await tasks.complete(id))?.version).toBe(++version)
  })

  test('where the connection behind it breaks, whatever was sent is in doubt: it may have run', async () => {
    const proxy = await startNetwork()
    const between = await startPgbouncer(proxy.port, 1, names)
    const behind = await start(between.url(name), { ...options, poolSize: 1 })
    const id = crypto.randomUUID()
    const all = ['first', 'second', 'third'].map((user) => tasksOf(behind, user))
    for (const tasks of all) await tasks.insert(id)
    // The flips arrive, and their answers are on the way back.
    proxy.delayMs = 1500
    const ended = Promise.allSettled(all.map((tasks) => tasks.complete(id)))
    const look = `select completed from tasks where id = '${id}'`
    const ran = all.map(() => ({ completed: true }))
    await expect.poll(() => sql(look), { timeout: 5000 }).toEqual(ran)
    proxy.reset()
    proxy.delayMs = 0
    const inDoubt = { status: 'rejected', reason: { kind: 'unavailable', mayHaveRun: true } }
    expect(await ended).toMatchObject(all.map(() => inDoubt))
    expect(await sql(look)).toEqual(ran)
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
