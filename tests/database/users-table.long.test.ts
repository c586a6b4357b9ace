import { describe, expect, test } from 'vitest'
import type { Caller } from '#db/caller'
import { readTableName } from '#db/table-name'
import { makeReady, newDatabase, options, start } from '#tests/support/databases'
import { tasksOf } from '#tests/support/statements'

const uuid = '0f5b6f0a-8e0c-4f34-9f6e-2f1c3f0f9a11'
const wide = '🎉'.repeat(8)
const gone = { kind: 'unknown_user' }

/** The users table as Better Auth makes it, with the columns that a plain insert would miss. */
const betterAuth = (table: string, idType: string) =>
  `create table ${table} (id ${idType} primary key, name text not null, email text not null unique,
    "emailVerified" boolean not null, "createdAt" timestamptz not null default now())`
const account = (table: string, idType: string) =>
  `create table account (id text primary key, "userId" ${idType} not null references ${table} (id))`

/** Starts the service on a database in which this was done before. */
async function openOn(usersTable: string, ...before: string[]) {
  const { url, sql } = await newDatabase()
  await sql(...before)
  const table = readTableName(usersTable) ?? options.usersTable
  const database = await start(url, { usersTable: table })
  const of = (user: string) => tasksOf(database, user)
  return {
    of,
    sql,
    create: (user: string, claims?: Partial<Caller>) => of(user).create({}, claims),
    users: () => sql(`select id::text from ${usersTable}`),
  }
}

test.each([
  ['users', 'uuid', 'uuid'],
  ['"user"', 'varchar(36)', 'character varying(36)'],
  ['auth."user"', 'text', 'text'],
])('the table %s of Better Auth with %s ids decides who is a user', async (table, type, stored) => {
  const { of, sql, create, users } = await openOn(
    table,
    'create schema auth',
    betterAuth(table, type),
    account(table, type),
    `insert into ${table} (id, name, email, "emailVerified") values ('${uuid}', 'A', 'a@x.y', true)`,
  )
  const [column] = await sql(
    `select format_type(atttypid, atttypmod) as type from pg_attribute
      where attrelid = 'tasks'::regclass and attname = 'user_id'`,
  )
  expect(column).toEqual({ type: stored })
  const task = JSON.parse((await create(uuid)).json)
  expect(task).toMatchObject({ user_id: uuid })
  expect((await of(uuid).find(task.id))?.json).toBe(JSON.stringify(task))
  const other = '7c9e6679-7425-40de-944b-e07fc1f90ae7'
  expect((await of(other).list()).json).toBe('[]')
  await expect(create(other)).rejects.toMatchObject(gone)
  expect(await users()).toEqual([{ id: uuid }])
  await sql(`delete from ${table}`)
  expect(await sql('select * from tasks')).toEqual([])
  await expect(create(uuid)).rejects.toMatchObject(gone)
})

const regrouped = uuid.replaceAll('-', '').replace(/(.{4})(?=.)/g, '$1-')
test.each([
  ['uuid', uuid, [uuid.toUpperCase(), `{${uuid}}`, regrouped, ` ${uuid}`, 'no-uuid']],
  ['integer', '7', ['007', '+7', ' 7', '7.0', '0x7', '99999999999']],
  // As wide as its characters, and not as its UTF-16 units.
  ['varchar(8)', wide, [`${wide}🎉`, 'anna ']],
  ['char(8)', wide, [`${wide}🎉`]],
])('where ids are %s, %s is a user, and in no other spelling: %j', async (type, id, spellings) => {
  const people = `create table users (id ${type} primary key, email text unique, name text)`
  const { of, sql, create } = await openOn('users', people, `insert into users values ('${id}')`)
  const task = JSON.parse((await create(id)).json)
  expect(JSON.parse((await of(id).list()).json)).toEqual([task])
  const before = await sql('select * from tasks')
  for (const spelling of spellings) {
    const own = of(spelling)
    const attempts = [
      ...[own.list(), own.find(task.id), own.update(task.id, { title: 'x' })],
      ...[create(spelling), own.complete(task.id), own.remove(task.id)],
    ]
    for (const each of await Promise.allSettled(attempts)) {
      expect(each, spelling).toMatchObject({ reason: gone })
    }
  }
  expect(await sql('select * from tasks')).toEqual(before)
})

test('an address that the column does not take is a refusal, and no fault of the service', async () => {
  const people = 'create table users (id text primary key, email varchar(20) unique, name text)'
  const { create } = await openOn('users', people)
  const refused = create('alice', { email: `${'x'.repeat(30)}@y.z` })
  await expect(refused).rejects.toMatchObject({ ...gone, sqlState: '22001' })
})

test('a table without email or name has the users that it has, and takes no others', async () => {
  const people = 'create table users (id text primary key, username text)'
  const { create } = await openOn('users', people, `insert into users values ('alice')`)
  expect(JSON.parse((await create('alice')).json)).toMatchObject({ user_id: 'alice' })
  await expect(create('bob')).rejects.toMatchObject(gone)
})

test('a start names the users that tasks belong to, where USERS_TABLE has not those', async () => {
  const { url, sql } = await newDatabase()
  const named: string[] = []
  const startWith = async (users: string) =>
    await makeReady(url, {
      usersTable: readTableName(users) ?? options.usersTable,
      onOtherUsers: (detail) => named.push(/in (.*?),/.exec(detail)?.[1] ?? detail),
    })
  for (const users of ['users', 'public.users', '"users"', '"user"', 'auth.users']) {
    await startWith(users)
  }
  expect(named.splice(0)).toEqual(['"public"."users"', '"public"."users"'])
  await sql(
    'create table projects (id text primary key)',
    'alter table tasks add project text constraint a references projects',
  )
  await startWith('users')
  expect(named).toEqual([])
  await sql('drop table users cascade')
  await startWith('users')
  expect(named).toEqual(['no table'])
})

test('a USERS_TABLE without an id is refused with the remedy', async () => {
  const opening = openOn('people', 'create table people (email text)')
  await expect(opening).rejects.toThrow('set USERS_TABLE to the users table')
})

describe('where the table is ours', () => {
  test('a user’s row is made from the claims with the first task, and only then', async () => {
    const { of, sql, create, users } = await openOn('users')
    await of('alice').list()
    expect(await users()).toEqual([])
    const alice = { id: 'alice', email: 'a@x.y', name: 'Alice' }
    await create('alice', alice)
    await create('alice', { email: 'other@x.y', name: 'Other' })
    await create('bob', { email: 'a@x.y' })
    expect(await sql('select id, email, name from users order by id')).toEqual([
      ...[alice, { id: 'bob', email: null, name: null }],
    ])
  })

  test('a user whose row was deleted has one again with the next task', async () => {
    const { sql, create, users } = await openOn('users')
    await create('carol')
    await sql('delete from users')
    await create('carol')
    expect(await users()).toEqual([{ id: 'carol' }])
  })

  test('first tasks of one new user at the same time make one row', async () => {
    const { create, users } = await openOn('"user"')
    await Promise.all(Array.from({ length: 20 }, () => create('alice', { email: 'a@x.y' })))
    expect(await users()).toEqual([{ id: 'alice' }])
  })

  test('another table of the service that refers to it leaves it the service’s own', async () => {
    const { sql, create, users } = await openOn('users')
    await sql(
      'create table things (user_id text references users (id))',
      'create policy things_of_caller on things using (true)',
    )
    await create('alice')
    expect(await users()).toEqual([{ id: 'alice' }])
  })

  test('Better Auth may come after: it adds its columns, and rows are its own from then on', async () => {
    const { sql, create, users } = await openOn('users')
    await create('alice')
    await sql(
      'alter table users add column "emailVerified" boolean not null default false',
      account('users', 'text'),
    )
    await create('alice')
    await expect(create('bob')).rejects.toMatchObject(gone)
    expect(await users()).toEqual([{ id: 'alice' }])
  })
})
