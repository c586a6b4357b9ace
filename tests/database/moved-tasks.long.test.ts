import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { makeReady, server } from '#tests/support/databases'
import { newOwnedDatabase } from '#tests/support/earlier-migrations'
import { createLogin, password, runSql } from '#tests/support/postgres'

const moving = (from: string, to: string) => `select todo_move_tasks('${from}', '${to}') as moved`
const moveSql = moving('guest', 'anna')
const everything = 'select * from tasks order by title'
/** The SQL of a page of the documentation that a pattern finds there. */
const documented = (page: string, sql: RegExp) =>
  sql.exec(readFileSync(`docs/${page}.md`, 'utf8'))?.[1] ?? ''

/** A database whose owner is held to row-level security, with the tasks of a guest and of others. */
async function filled() {
  const login = await createLogin(server)
  const database = await newOwnedDatabase({ guests: [login] })
  await makeReady(database.url)
  await database.sql(
    `insert into users (id) values ('guest'), ('anna'), ('bob')`,
    `insert into tasks (user_id, id, title, description, completed, created_at, updated_at) select
      owner, gen_random_uuid(), owner || nr, 'of ' || owner, nr = 1, '2026-01-01', '2026-01-02'
      from unnest(array['guest', 'anna', 'bob']) owner, generate_series(1, 3) nr`,
  )
  return { ...database, issuer: database.urlOf(login), login }
}

test.each([
  ['as the migrations made it', []],
  ['in partitions', [readFileSync('deploy/partitions.sql', 'utf8')]],
])(
  'with the table %s the owner moves one user’s tasks to another, and nobody else’s',
  async (_, partition) => {
    const { sql, url } = await filled()
    const before = await sql(everything)
    const moves: Record<string, number> = { anna: 0, bob: 2, guest: 1 }
    const after = before.map(({ user_id, version, ...task }) => ({
      ...task,
      user_id: user_id === 'guest' ? 'anna' : user_id,
      version: Number(version) + (moves[String(user_id)] ?? 0),
    }))
    // In one session, which has used the function with the table as it was.
    await sql(`insert into users (id) values ('new')`)
    const used = [moving('bob', 'new'), moving('new', 'bob')]
    expect(await runSql(url, ...used, ...partition, moveSql)).toEqual([{ moved: 3 }])
    expect(await sql(everything)).toEqual(after)
    await sql(`delete from users where id = 'guest'`)
    expect(await sql(everything)).toEqual(after)
  },
)

test.each([
  ['from a user who is not there', 'nobody', 'anna', '23503'],
  ['to a user who is not there', 'guest', 'nobody', '23503'],
  ['to the same user', 'guest', 'guest', [{ moved: 0 }]],
])('%s it moves nothing', async (_, from, to, answer) => {
  const { sql, url } = await filled()
  const before = await sql(everything)
  const answered = await runSql(url, moving(from, to)).catch(({ code }) => code)
  expect(answered).toEqual(answer)
  expect(await sql(everything)).toEqual(before)
})

test('the caller of the transaction is the same as before, with a task moved or none', async () => {
  const { url } = await filled()
  const caller = `select current_setting('app.user_id', true) as caller`
  const calls = ['begin', `select set_config('app.user_id', 'bob', true)`]
  for (const each of [moveSql, moving('anna', 'anna')]) {
    expect(await runSql(url, ...calls, each, caller)).toEqual([{ caller: 'bob' }])
  }
  expect(await runSql(url, 'begin', moveSql, caller)).toEqual([{ caller: '' }])
})

test('Better Auth’s own login may call it with the grant of the guide alone, and reads no task by that', async () => {
  const { sql, issuer, login, url } = await filled()
  await sql(`revoke todo_app from ${login}`)
  const grant = documented('frontend', /`(GRANT EXECUTE [^`]*todo_move_tasks[^`]*)`/)
  await runSql(url, `grant execute on function todo_move_tasks to ${login}`)
  await expect(runSql(issuer, moveSql)).rejects.toThrow('may not execute todo_service()')
  await runSql(url, grant.replace('<its login>', login))
  await expect(runSql(issuer, everything)).rejects.toMatchObject({ code: '42501' })
  expect(await runSql(issuer, moveSql)).toEqual([{ moved: 3 }])
})

test('where ids are UUIDs it takes UUIDs, in any schema', async () => {
  const { admin, name, sql } = await newOwnedDatabase()
  await sql(
    `create schema "o'dd"`,
    `alter database ${name} set search_path = "o'dd"`,
    'create table "o\'dd".users (id uuid primary key default gen_random_uuid(), email text, name text)',
  )
  await makeReady(admin)
  const moved = await sql(
    'insert into users default values',
    'insert into users default values',
    `insert into tasks (user_id, id, title) select min(id::text)::uuid, gen_random_uuid(), 'x' from users`,
    'select todo_move_tasks(min(id::text)::uuid, max(id::text)::uuid) as moved from users',
  )
  expect(moved).toEqual([{ moved: 1 }])
})

test('what the owner sees of the tasks, and how to see everything, is as docs/database.md says', async () => {
  const { name, sql, url, urlOf } = await filled()
  const titles = 'select title from tasks order by title'
  const bind = documented('database', /`(SET app.user_id[^`]*)`/)
  const bobs = await runSql(url, bind.replace('<id>', 'bob'), titles)
  expect(bobs).toEqual(['bob1', 'bob2', 'bob3'].map((title) => ({ title })))

  const reader = `reader_${name}`
  const create = documented('database', /```sql\n(CREATE ROLE todo_reader .*?)```/s)
  await sql(create.replaceAll('todo_reader', reader).replace('…', password))
  expect(await runSql(urlOf(reader), titles)).toHaveLength(9)
})
