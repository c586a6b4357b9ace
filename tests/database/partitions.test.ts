import { readFileSync } from 'node:fs'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { migrate, migrationNames } from '#db/migrate'
import { openCallerDatabase } from '#db/scoped'
import { explaining } from '#tests/database/explain'
import { expectNothing } from '#tests/database/users'
import { withoutFirstWall } from '#tests/support/breached'
import { open, options, start } from '#tests/support/databases'
import { newOwnedDatabase } from '#tests/support/earlier-migrations'
import { runSql } from '#tests/support/postgres'
import { statementsOf, tasksOf } from '#tests/support/statements'

const alicesTask = 'aaaaaaaa-0000-4000-8000-000000000001'
const bobsTask = 'bbbbbbbb-0000-4000-8000-000000000002'

/** What a table is made of, in words that are the same for an ordinary table and a partitioned one. */
const shape = `select
  (select json_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull,
      pg_get_expr(adbin, adrelid), attacl) order by attnum)
    from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
    where attrelid = 'tasks'::regclass and attnum > 0 and not attisdropped) as columns,
  (select json_agg(concat_ws(' ', conname, pg_get_constraintdef(oid)) order by conname)
    from pg_constraint where conrelid = 'tasks'::regclass) as constraints,
  (select json_agg(replace(indexdef, ' ON ONLY ', ' ON ') order by indexname)
    from pg_indexes where tablename = 'tasks') as indexes,
  (select json_agg(concat_ws(' ', polname, polcmd, polpermissive, pg_get_expr(polqual, polrelid),
      pg_get_expr(polwithcheck, polrelid))) from pg_policy where polrelid = 'tasks'::regclass) as policies,
  (select concat_ws(' ', relrowsecurity, relforcerowsecurity, relowner::regrole, relacl)
    from pg_class where oid = 'tasks'::regclass) as guards`

describe('a tasks table that was made partitions as deploy/partitions.sql does', async () => {
  // The owner is held to the policy like everybody else, as a login that bypasses it is not.
  const { url, sql: asAdministrator } = await newOwnedDatabase()
  const asOwner = (...statements: string[]) => runSql(url, ...statements)
  /** Open since before, with statements that Postgres has prepared. */
  const standing = await start(url, { namedStatements: true, poolSize: 1 })
  const of = (user: string) => tasksOf(standing, user)
  await of('alice').insert(alicesTask)
  await of('bob').insert(bobsTask)
  await of('alice').list()
  const before = await asOwner(shape)
  // So that no partition is safe by luck.
  await asOwner('alter default privileges grant all on tables to todo_app, public')
  await asOwner(readFileSync('deploy/partitions.sql', 'utf8'))

  test('has every column, constraint, index, right and policy that the migrations made', async () => {
    expect(before).toMatchObject([{ guards: expect.stringMatching(/^t t /) }])
    expect(await asOwner(shape)).toEqual(before)
  })

  test('keeps every row, each in one of sixteen partitions', async () => {
    const rows = await asAdministrator('select id, tableoid::regclass::text as part from tasks')
    expect(rows.map(({ id }) => id).sort()).toEqual([alicesTask, bobsTask])
    for (const { part } of rows) expect(part).toMatch(/^tasks_\d+$/)
    const parts = await asOwner(`select from pg_inherits where inhparent = 'tasks'::regclass`)
    expect(parts).toHaveLength(16)
  })

  test('is served on by a process that was running, a user’s first task included', async () => {
    expect(JSON.parse((await of('alice').list()).json)).toMatchObject([{ id: alicesTask }])
    const id = crypto.randomUUID()
    const { version } = await of('carol').insert(id)
    expect((await of('carol').insert(id)).version).toBe(version)
    expect((await of('carol').update(id, { title: 'New' }))?.version).toBe(version + 1)
    expect((await of('carol').complete(id))?.version).toBe(version + 2)
    expect(await of('carol').remove(id)).toBe(true)
    expect(await standing.isReady()).toBe(true)
  })

  test('is asked for one partition by every statement on one user’s tasks', async () => {
    const { transport, plans } = explaining(standing.transport, url)
    const own = statementsOf(openCallerDatabase(transport, 'alice', options.limits), 'alice')
    await own.list()
    await own.find(alicesTask)
    await own.update(alicesTask, { title: 'New' })
    await own.complete(alicesTask, false)
    await own.remove(crypto.randomUUID())
    expect(plans).toHaveLength(5)
    for (const plan of plans) expect(new Set(plan.match(/on tasks_\d+\b/g)).size, plan).toBe(1)
  })

  test('takes the migrations that it misses, and changes with no other', async () => {
    const opened = await open(url)
    const migrateAgain = () => migrate(opened.transport, options.usersTable, 'text')
    expect(await migrateAgain()).toEqual([])
    await asOwner(
      'drop function todo_take_permit',
      'drop function todo_service cascade',
      'drop table rate_limits',
      `delete from kysely_migration where name <> '${migrationNames[0]}'`,
    )
    expect(await opened.isReady()).toBe(false)
    expect(await migrateAgain()).toEqual(migrationNames.slice(1))
    expect(await opened.isReady()).toBe(true)
    expect(await asOwner(shape)).toEqual(before)
  })

  test('hides another user’s rows from statements without the first wall', async () => {
    const rows = await asAdministrator('select * from tasks order by id')
    const breached = withoutFirstWall(standing.transport)
    const db = openCallerDatabase(breached, 'mallory', options.limits)
    await expectNothing(statementsOf(db, 'mallory'), alicesTask)
    expect(breached.removed).toBe(7)
    const mallory = statementsOf(standing.forUser('mallory'), 'alice')
    await expect(mallory.create()).rejects.toMatchObject({ sqlState: '42501' })
    expect(await asAdministrator('select * from tasks order by id')).toEqual(rows)
  })

  test('lets nobody reach a partition past it, by any statement', async () => {
    for (const attempt of [
      ...Array.from({ length: 16 }, (_, part) => `select id from tasks_${part}`),
      ...['delete from tasks_0', `update tasks_0 set title = 'x'`, 'truncate tasks_0'],
      `insert into tasks_0 (user_id, id, title) values ('bob', gen_random_uuid(), 'x')`,
    ]) {
      const sent = sql.raw(attempt).execute(standing.forUser('bob'))
      await expect(sent, attempt).rejects.toMatchObject({ sqlState: '42501' })
    }
  })

  test.each([
    ...['select', 'delete', 'truncate'].map((right) => [right, 'todo_app']),
    ...['select', 'insert', 'update'].map((right) => [`${right} (title)`, 'public']),
  ])('counts as a broken wall with %s on one partition granted to %s', async (right, grantee) => {
    await asOwner(`grant ${right} on tasks_3 to ${grantee}`)
    await expect(standing.isReady()).rejects.toThrow(/REVOKE ALL ON tasks_3 FROM todo_app/)
    await asOwner(`revoke all on tasks_3 from ${grantee}`)
    expect(await standing.isReady()).toBe(true)
  })
})
