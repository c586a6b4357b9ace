import { expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { options } from '#tests/support/databases'
import { createDatabase, createLogin, postgresAt, runSql } from '#tests/support/postgres'
import { adoptIn, parseOptions } from '#tests/tools/adopt'
import { everythingIn } from '#tests/tools/everything-in'
import type { AdoptRequest } from '#tools/adopt/plan'
import { describePlan } from '#tools/adopt/report'

const server = postgresAt(inject('postgresPort'))
const users = 'create table users (id text primary key, email text, name text)'
const tasks = `create table tasks (id serial primary key, user_id text, title text, completed boolean,
  created_at date)`

interface Refusal {
  readonly title: string
  /** As the owner of the database, a login that may not create roles but take `todo_app`. */
  readonly sql: readonly string[]
  /** Afterwards, as the administrator of the server. */
  readonly after?: (database: string, login: string) => string
  /** Of the database, as in `CREATE DATABASE`. */
  readonly made?: string
  readonly asked?: Partial<AdoptRequest>
  readonly says: RegExp
}

const refusals: Refusal[] = [
  {
    title: 'ids that are no key',
    sql: ['create table tasks (id integer, user_id text, title text, completed boolean)'],
    says: /None of its columns alone is a primary key/,
  },
  {
    title: 'a column for the id that is no key',
    sql: [users, tasks],
    asked: parseOptions(['--column id=user_id']),
    says: /Its column user_id is no key/,
  },
  {
    title: 'a view',
    sql: [
      `create view tasks as select 1 as id, 'a'::text as user_id, 'b'::text as title, true as completed`,
    ],
    says: /is no table/,
  },
  {
    title: 'owners in another users table',
    sql: [
      'create table "user" (id text primary key)',
      `create table tasks (id serial primary key, user_id text references "user" (id), title text,
        completed boolean)`,
    ],
    says: /refers to "user".*USERS_TABLE='"user"'/s,
  },
  {
    title: 'several columns for the title',
    sql: [users, 'create table todos (id serial primary key, user_id text, name text, task text)'],
    // No command is made up of guesses.
    says: /could be title: name, task.*--column title=name\n.*--column title=task\nNothing was changed\.$/s,
  },
  {
    title: 'a column that is not there',
    sql: [users, tasks],
    asked: parseOptions(['--column title=name']),
    says: /no column name\. Its columns are id, user_id, title/,
  },
  {
    title: 'a column whose values cannot be read',
    sql: [users, `${tasks}; alter table tasks add raw bytea`],
    asked: parseOptions(['--column title=raw']),
    says: /The column raw is bytea, and only text can be read as title/,
  },
  {
    title: 'several tables that look like tasks',
    sql: [users, tasks.replace('tasks', '"Task"'), tasks.replace('tasks', 'todos')],
    says: /Several tables.*--table '"Task"'\n.*--table todos/s,
  },
  {
    title: 'a table that is not there',
    sql: [users, tasks],
    asked: { table: 'nope' },
    says: /There is no table nope\. There are: tasks, users\./,
  },
  {
    title: 'a time zone that is not there',
    sql: [users, tasks],
    asked: { timeZone: 'Mars/Olympus' },
    says: /no time zone Mars\/Olympus/,
  },
  {
    title: 'a name in another spelling',
    sql: [users, tasks.replace('tasks', 'todos')],
    asked: { table: 'Todos' },
    says: /There is no table Todos\. There are: todos, users\./,
  },
  {
    title: 'another table where the service makes its own',
    sql: [users, tasks, tasks.replace('tasks', 'todos')],
    asked: { table: 'todos' },
    says: /Another program’s tasks is where the service makes its own/,
  },
  {
    title: 'migrations of another program on Kysely',
    sql: [users, tasks, "create table kysely_migration as select '2024-01-01' as name"],
    says: /kysely_migration lists migrations of another program/,
  },
  {
    title: 'owners that are to be added where another program has accounts',
    sql: [users, tasks, 'create table session (user_id text references users (id))'],
    asked: parseOptions(['--repair owner_unknown']),
    says: /session refers to users/,
  },
  {
    title: 'owners that are to be added where a row needs more than an id',
    sql: [users, tasks, 'alter table users add hashed_password text not null'],
    asked: parseOptions(['--repair owner_unknown']),
    says: /users does not take a row without hashed_password/,
  },
  {
    title: 'a table of another role',
    sql: [users, tasks],
    after: () => 'alter table tasks owner to postgres',
    says: /It belongs to another role than the login/,
  },
  {
    title: 'users whom the login may not refer to',
    sql: [users, tasks],
    after: (_, login) => `alter table users owner to postgres; grant select on users to ${login}`,
    says: /GRANT SELECT, REFERENCES ON users/,
  },
  {
    title: 'a schema without the right to make tables in it',
    sql: [users, tasks],
    after: () => 'alter schema public owner to postgres',
    says: /may not create tables in the schema public/,
  },
  {
    title: 'a read-only database',
    sql: [users, tasks],
    after: (database) => `alter database ${database} set default_transaction_read_only = on`,
    says: /The database is read-only/,
  },
  {
    title: 'a database that is not in UTF-8',
    sql: [users, tasks],
    made: `encoding 'LATIN1' template template0`,
    says: /The encoding of the database is LATIN1/,
  },
  {
    title: 'a login whose row-level security is off',
    sql: [users, tasks],
    after: (database, login) =>
      `alter role ${login} in database ${database} set row_security = off`,
    says: /row_security is off/,
  },
  {
    title: 'a login that may not take the role of the requests',
    sql: [users, tasks],
    after: (_, login) => `revoke todo_app from ${login}`,
    says: /may not take the role todo_app/,
  },
]

test.each(refusals)(
  '$title: the look says that it will not do, and --yes does nothing',
  async (refusal) => {
    const login = await createLogin(server)
    await runSql(
      server.url('postgres'),
      `do $$ begin create role todo_app nologin; exception when duplicate_object then null; end $$`,
      `grant todo_app to ${login}`,
    )
    const name = await createDatabase(server, `owner ${login} ${refusal.made ?? ''}`)
    await runSql(server.url(name), `alter schema public owner to ${login}`)
    const url = server.url(name, login)
    await runSql(url, ...refusal.sql)
    if (refusal.after) await runSql(server.url(name), refusal.after(name, login))
    const asAdministrator = server.url(name)
    const before = await everythingIn(asAdministrator)
    const database = await openDatabase({ ...options, url })
    try {
      for (const how of ['look', 'yes'] as const) {
        const text = await adoptIn(database, how, refusal.asked).then(
          ({ plan, done }) => {
            if (plan === undefined || done !== undefined) return 'It was not refused.'
            const { lines, isPossible } = describePlan(plan, [])
            return isPossible ? 'It was promised.' : lines.join('\n')
          },
          (error) => String(error),
        )
        expect(text).toMatch(refusal.says)
      }
      expect(await everythingIn(asAdministrator)).toEqual(before)
    } finally {
      await database.close()
    }
  },
)

test('--table names a table as SQL does, or as it is spelt', async () => {
  const url = server.url(await createDatabase(server))
  const made = ['todos', '"Todos"', '"my todos"'].map((name) => tasks.replace('tasks', name))
  await runSql(url, ...made)
  const database = await openDatabase({ ...options, url })
  for (const [table, label] of [
    ['todos', 'todos'],
    ['Todos', '"Todos"'],
    ['"Todos"', '"Todos"'],
    ['public.Todos', '"Todos"'],
    ['my todos', '"my todos"'],
  ] as const) {
    const { plan } = await adoptIn(database, 'look', { table })
    expect(plan?.old.label, table).toBe(label)
  }
  await database.close()
})
