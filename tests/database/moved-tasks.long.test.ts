import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { partitioningSql } from '#tests/database/partitions'
import { options } from '#tests/support/databases'
import { createOwnedDatabase } from '#tests/support/earlier-migrations'
import { createLogin, password, postgresAt, runSql } from '#tests/support/postgres'

const server = postgresAt(inject('postgresPort'))
const everything = 'select * from tasks order by title'
const moveSql = "select todo_move_tasks('guest', 'anna') as moved"

/** A database whose owner is held to row-level security, with the tasks of a guest and of others. */
async function filled() {
  const issuer = await createLogin(server)
  const database = await createOwnedDatabase(server, issuer)
  const opened = await openDatabase({ ...options, url: database.url })
  await opened.makeReady()
  await opened.close()
  const admin = server.url(database.name)
  await runSql(
    admin,
    `insert into users (id) values ('guest'), ('anna'), ('bob')`,
    `insert into tasks (user_id, id, title, description, completed, created_at, updated_at) select
      owner, gen_random_uuid(), owner || nr, 'of ' || owner, nr = 1, '2026-01-01', '2026-01-02'
      from unnest(array['guest', 'anna', 'bob']) owner, generate_series(1, 3) nr`,
  )
  return { ...database, admin, issuer: server.url(database.name, issuer), login: issuer }
}

let database: Awaited<ReturnType<typeof filled>>
beforeAll(async () => {
  database = await filled()
})

describe.each([
  ['as the migrations made it', []],
  ['in partitions', [partitioningSql()]],
])('with the table %s', (_, statements) => {
  test('the owner moves the tasks of one user to another, and nobody else’s', async () => {
    const own = await filled()
    // In one session, which has used the function with the table as it was.
    const again =
      "select todo_move_tasks('bob', 'bob'), todo_move_tasks('anna', 'bob'), todo_move_tasks('bob', 'anna')"
    await runSql(own.url, again, ...statements, again)
    await runSql(own.admin, `update tasks set user_id = 'bob' where title like 'bob%'`)
    const before = await runSql(own.admin, everything)
    // The owner's own SQL finds nothing, and says nothing about it.
    expect(await runSql(own.url, everything)).toEqual([])
    expect(
      await runSql(
        own.url,
        `update tasks set user_id = 'anna' where user_id = 'guest' returning 1`,
      ),
    ).toEqual([])
    expect(await runSql(own.admin, everything)).toEqual(before)

    expect(await runSql(own.url, moveSql)).toEqual([{ moved: 3 }])
    const after = before.map((task) =>
      task['user_id'] === 'guest'
        ? { ...task, user_id: 'anna', version: Number(task['version']) + 1 }
        : task,
    )
    expect(await runSql(own.admin, everything)).toEqual(after)
    expect(await runSql(own.url, moveSql)).toEqual([{ moved: 0 }])
    await runSql(own.admin, `delete from users where id = 'guest'`)
    expect(await runSql(own.admin, everything)).toEqual(after)
  })
})

test('the caller of the transaction is the same as before, with a task moved or none', async () => {
  const own = await filled()
  const caller = `select current_setting('app.user_id', true) as caller`
  const calls = ['begin', `select set_config('app.user_id', 'bob', true)`]
  for (const each of [moveSql, moveSql.replace('guest', 'anna')]) {
    expect(await runSql(own.url, ...calls, each, caller)).toEqual([{ caller: 'bob' }])
  }
  expect(await runSql(own.url, 'begin', moveSql, caller)).toEqual([{ caller: '' }])
})

test.each([
  ['from a user who is not there', 'nobody', 'anna'],
  ['to a user who is not there', 'guest', 'nobody'],
])('%s it moves nothing and says so', async (_, from, to) => {
  const before = await runSql(database.admin, everything)
  const attempt = runSql(database.url, `select todo_move_tasks('${from}', '${to}')`)
  await expect(attempt).rejects.toMatchObject({
    code: '23503',
    message: 'todo_move_tasks takes two users who are in users',
  })
  expect(await runSql(database.admin, everything)).toEqual(before)
})

test('to the same user it changes nothing', async () => {
  const before = await runSql(database.admin, everything)
  const sql = "select todo_move_tasks('guest', 'guest') as moved"
  expect(await runSql(database.url, sql)).toEqual([{ moved: 0 }])
  expect(await runSql(database.admin, everything)).toEqual(before)
})

test('the role of the requests may not call it, whatever it says it is', async () => {
  for (const login of [database.url, database.issuer, database.admin]) {
    for (const user of ['guest', 'anna', '']) {
      const bound = ['set role todo_app', `set app.user_id = '${user}'`]
      await expect(runSql(login, ...bound, moveSql)).rejects.toMatchObject({ code: '42501' })
    }
  }
})

test('a right to call it that requests have is a broken wall', async () => {
  const opened = await openDatabase({ ...options, url: database.url })
  for (const grantee of ['todo_app', 'public']) {
    await runSql(database.url, `grant execute on function todo_move_tasks to ${grantee}`)
    await expect(opened.isReady()).rejects.toMatchObject({
      kind: 'not_isolated',
      message: expect.stringMatching(/REVOKE EXECUTE ON FUNCTION/i),
    })
    await runSql(database.url, `revoke execute on function todo_move_tasks from ${grantee}`)
    expect(await opened.isReady()).toBe(true)
  }
  await opened.close()
})

test('Better Auth’s own login may call it with the grant of the guide, and reads no task by that', async () => {
  const own = await filled()
  await expect(runSql(own.issuer, moveSql)).rejects.toMatchObject({ code: '42501' })
  await runSql(own.url, `grant execute on function todo_move_tasks to ${own.login}`)
  await expect(runSql(own.issuer, moveSql)).rejects.toThrow('may not execute todo_service()')
  await runSql(own.admin, `revoke todo_app from ${own.login}`)
  await runSql(
    own.url,
    `grant execute on function todo_service(), todo_move_tasks(text, text) to ${own.login}`,
  )
  await expect(runSql(own.issuer, everything)).rejects.toMatchObject({ code: '42501' })
  expect(await runSql(own.issuer, moveSql)).toEqual([{ moved: 3 }])
})

test('where ids are UUIDs it takes UUIDs, in any schema', async () => {
  const { name } = await createOwnedDatabase(server)
  const admin = server.url(name)
  await runSql(
    admin,
    `create schema "o'dd"`,
    `alter database ${name} set search_path = "o'dd"`,
    'create table "o\'dd".users (id uuid primary key default gen_random_uuid(), email text, name text)',
  )
  const opened = await openDatabase({ ...options, url: admin })
  await opened.makeReady()
  expect(await opened.isReady()).toBe(true)
  await opened.close()
  const users = await runSql(admin, 'insert into users default values returning id')
  const [other] = await runSql(admin, 'insert into users default values returning id')
  await runSql(
    admin,
    `insert into tasks (user_id, id, title) values ('${users[0]?.['id']}', gen_random_uuid(), 'x')`,
  )
  const sql = `select todo_move_tasks('${users[0]?.['id']}', '${other?.['id']}') as moved`
  expect(await runSql(admin, sql)).toEqual([{ moved: 1 }])
})

test('what the owner sees of the tasks, and how to see everything, is as docs/database.md says', async () => {
  const own = await filled()
  const titles = 'select title from tasks order by title'
  expect(await runSql(own.url, titles)).toEqual([])
  expect(await runSql(own.url, 'delete from tasks returning 1')).toEqual([])
  // What pg_dump sets.
  await expect(runSql(own.url, 'set row_security = off', titles)).rejects.toThrow(/row-level/)
  const guide = readFileSync('docs/database.md', 'utf8')
  const [, bind = ''] = /`(SET app.user_id[^`]*)`/.exec(guide) ?? []
  const bobs = await runSql(own.url, bind.replace('<id>', 'bob'), titles)
  expect(bobs).toEqual(['bob1', 'bob2', 'bob3'].map((title) => ({ title })))

  const reader = `reader_${own.name}`
  const [, create = ''] = /```sql\n(CREATE ROLE todo_reader .*?)```/s.exec(guide) ?? []
  const statements = create.replaceAll('todo_reader', reader).replace('…', password)
  await runSql(own.admin, statements)
  expect(await runSql(server.url(own.name, reader), titles)).toHaveLength(9)
  await runSql(own.admin, `alter role ${own.owner} bypassrls`)
  expect(await runSql(own.url, titles)).toHaveLength(9)
  const opened = await openDatabase({ ...options, url: own.url })
  expect(await opened.isReady()).toBe(true)
  await opened.close()
})
