import { describe, expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { readTableName } from '#db/table-name'
import { options } from '#tests/support/databases'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

const server = postgresAt(inject('postgresPort'))
const uuid = '0f5b6f0a-8e0c-4f34-9f6e-2f1c3f0f9a11'
const otherUuid = '7c9e6679-7425-40de-944b-e07fc1f90ae7'

/** The users table as Better Auth makes it, with the columns that a plain insert would miss. */
const betterAuth = (table: string, idType: string) =>
  `create table ${table} (id ${idType} primary key, name text not null, email text not null unique,
    "emailVerified" boolean not null, "createdAt" timestamptz not null default now())`
const account = (table: string, idType: string) =>
  `create table account (id text primary key, "userId" ${idType} not null references ${table} (id))`
const row = (table: string, id: string) =>
  `insert into ${table} (id, name, email, "emailVerified") values ('${id}', 'A', '${id}@x.y', true)`

async function openOn(usersTable: string, ...before: string[]) {
  const url = server.url(await createDatabase(server))
  await runSql(url, ...before)
  const table = readTableName(usersTable)
  if (table === undefined) throw new Error('no table name')
  const database = await openDatabase({ ...options, url, usersTable: table })
  try {
    await database.makeReady()
  } catch (error) {
    await database.close()
    throw error
  }
  const of = (user: string) => statementsOf(database.forUser(user), user)
  return { database, url, of, users: () => runSql(url, `select id::text from ${usersTable}`) }
}

/** Tables that may be there before, by the type of their ids and whether they have rows. */
const matrix = [
  { table: 'users', type: 'uuid' },
  { table: '"user"', type: 'varchar(36)' },
  { table: 'auth."user"', type: 'text' },
].flatMap((each) => [true, false].map((isFilled) => ({ ...each, isFilled })))

describe('where the table belongs to Better Auth', () => {
  test.each(matrix)(
    '$table with $type ids, filled: $isFilled',
    async ({ table, type, isFilled }) => {
      const { database, url, of, users } = await openOn(
        table,
        'create schema auth',
        betterAuth(table, type),
        account(table, type),
        ...(isFilled ? [row(table, uuid)] : []),
      )
      const [column] = await runSql(
        url,
        `select format_type(atttypid, atttypmod) as type from pg_attribute
        where attrelid = 'tasks'::regclass and attname = 'user_id'`,
      )
      expect(column?.['type']).toBe(type === 'varchar(36)' ? 'character varying(36)' : type)
      const id = crypto.randomUUID()
      if (isFilled) {
        const task = await of(uuid).insert(id)
        expect(JSON.parse(task.json)).toMatchObject({ id, user_id: uuid })
        expect((await of(uuid).find(id))?.json).toBe(task.json)
        expect((await of(otherUuid).list()).json).toBe('[]')
      }
      const gone = { kind: 'unknown_user' }
      await expect(of(otherUuid).insert(crypto.randomUUID())).rejects.toMatchObject(gone)
      if (type === 'uuid') {
        await expect(of('no-uuid').insert(crypto.randomUUID())).rejects.toMatchObject(gone)
        await expect(of('no-uuid').list()).rejects.toMatchObject(gone)
        await expect(of('no-uuid').find(id)).rejects.toMatchObject(gone)
      }
      if (type === 'varchar(36)') {
        for (const long of ['x'.repeat(37), `${uuid} `]) {
          await expect(of(long).insert(crypto.randomUUID())).rejects.toMatchObject(gone)
          await expect(of(long).list()).rejects.toMatchObject(gone)
        }
      }
      expect(await users()).toEqual(isFilled ? [{ id: uuid }] : [])
      expect(await database.isReady()).toBe(true)
      if (isFilled) {
        await runSql(url, `delete from ${table}`)
        expect(await runSql(url, 'select * from tasks')).toEqual([])
      }
      await database.close()
    },
  )
})

describe('of a user whose id is a UUID, one spelling counts', () => {
  test('another one is refused by every statement, and nothing is stored', async () => {
    const { database, url, of } = await openOn(
      'users',
      betterAuth('users', 'uuid'),
      account('users', 'uuid'),
      row('users', uuid),
    )
    const id = crypto.randomUUID()
    await of(uuid).insert(id)
    const before = await runSql(url, 'select * from tasks')
    const elsewhere = uuid.replaceAll('-', '').replace(/(.{4})(?=.)/g, '$1-')
    for (const spelling of [uuid.toUpperCase(), `{${uuid}}`, elsewhere, ` ${uuid}`]) {
      const other = of(spelling)
      const statements = [
        other.list(),
        other.find(id),
        other.insert(crypto.randomUUID()),
        other.update(id, { title: 'x' }),
        other.complete(id),
        other.remove(id),
      ]
      for (const each of await Promise.allSettled(statements)) {
        expect(each, spelling).toMatchObject({ reason: { kind: 'unknown_user' } })
      }
    }
    expect(await runSql(url, 'select * from tasks')).toEqual(before)
    await database.close()
  })

  test('where ids are text, an id that looks like one is what it is', async () => {
    const { database, of } = await openOn('users')
    const capitals = uuid.toUpperCase()
    await of(capitals).insert(crypto.randomUUID())
    expect(JSON.parse((await of(capitals).list()).json)).toHaveLength(1)
    expect((await of(uuid).list()).json).toBe('[]')
    await database.close()
  })
})

test('a number with zeros before it is not the user whose id is that number', async () => {
  const people = 'create table users (id integer primary key, email text unique, name text)'
  const { database, of } = await openOn('users', people, 'insert into users values (7)')
  await of('7').insert(crypto.randomUUID())
  for (const spelling of ['007', '+7', ' 7', '7.0', '0x7', '99999999999']) {
    const gone = { kind: 'unknown_user' }
    await expect(of(spelling).list()).rejects.toMatchObject(gone)
    await expect(of(spelling).insert(crypto.randomUUID())).rejects.toMatchObject(gone)
  }
  await database.close()
})

test.each(['varchar(8)', 'char(8)'])(
  'where ids are %s, an id is as wide as its characters, and not as its UTF-16 units',
  async (type) => {
    const wide = '🎉'.repeat(8)
    const people = `create table users (id ${type} primary key, email text unique, name text)`
    const { database, of } = await openOn('users', people, `insert into users values ('${wide}')`)
    await of(wide).insert(crypto.randomUUID())
    expect(JSON.parse((await of(wide).list()).json)).toMatchObject([{ user_id: wide }])
    await expect(of('🎉'.repeat(9)).list()).rejects.toMatchObject({ kind: 'unknown_user' })
    await database.close()
  },
)

test('an address that the column does not take is a refusal, and no fault of the service', async () => {
  const people = 'create table users (id text primary key, email varchar(20) unique, name text)'
  const { database, of } = await openOn('users', people)
  const owner = { email: `${'x'.repeat(30)}@y.z` }
  await expect(of('alice').insert(crypto.randomUUID(), {}, owner)).rejects.toMatchObject({
    kind: 'unknown_user',
    sqlState: '22001',
  })
  await database.close()
})

describe('where the table is ours', () => {
  test('a user’s row is made from the claims with the first task, and only then', async () => {
    const { database, url, of, users } = await openOn('users')
    await of('alice').list()
    expect(await users()).toEqual([])
    await of('alice').insert(crypto.randomUUID(), {}, { email: 'a@x.y', name: 'Alice' })
    await of('alice').insert(crypto.randomUUID(), {}, { email: 'other@x.y', name: 'Other' })
    expect(await runSql(url, 'select id, email, name from users')).toEqual([
      { id: 'alice', email: 'a@x.y', name: 'Alice' },
    ])
    await database.close()
  })

  test('an address that somebody else has keeps nobody from their tasks', async () => {
    const { database, url, of } = await openOn('users')
    await of('alice').insert(crypto.randomUUID(), {}, { email: 'same@x.y' })
    await of('bob').insert(crypto.randomUUID(), {}, { email: 'same@x.y' })
    expect(await runSql(url, 'select id, email from users order by id')).toEqual([
      { id: 'alice', email: 'same@x.y' },
      { id: 'bob', email: null },
    ])
    await database.close()
  })

  test('first tasks of one new user at the same time make one row', async () => {
    const { database, of, users } = await openOn('"user"')
    const inserts = Array.from({ length: 20 }, () =>
      of('alice').insert(crypto.randomUUID(), {}, { email: 'a@x.y' }),
    )
    await Promise.all(inserts)
    expect(await users()).toEqual([{ id: 'alice' }])
    await database.close()
  })

  test('another table of the service that refers to it leaves it the service’s own', async () => {
    const { database, url, of, users } = await openOn('users')
    await runSql(
      url,
      'create table things (user_id text references users (id))',
      'create policy things_of_caller on things using (true)',
    )
    await of('alice').insert(crypto.randomUUID())
    expect(await users()).toEqual([{ id: 'alice' }])
    await database.close()
  })

  test('Better Auth may come after: it adds its columns, and rows are its own from then on', async () => {
    const { database, url, of, users } = await openOn('users')
    await of('alice').insert(crypto.randomUUID())
    await runSql(
      url,
      'alter table users add column "emailVerified" boolean not null default false',
      account('users', 'text'),
    )
    await of('alice').insert(crypto.randomUUID())
    await expect(of('bob').insert(crypto.randomUUID())).rejects.toMatchObject({
      kind: 'unknown_user',
    })
    expect(await users()).toEqual([{ id: 'alice' }])
    await database.close()
  })
})

test('a USERS_TABLE without an id is refused with the remedy', async () => {
  const opening = openOn('people', 'create table people (email text)')
  await expect(opening).rejects.toThrow('set USERS_TABLE to the users table')
})
