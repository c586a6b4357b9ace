import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { expect, inject, test, vi } from 'vitest'
import { openDatabase } from '#db/database'
import { options } from '#tests/support/databases'
import {
  createDatabase,
  createLogin,
  postgresAt,
  runSql,
  startPostgres,
} from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'
import { adoptIn } from '#tests/tools/adopt'
import { everythingIn } from '#tests/tools/everything-in'
import { describeDone, describePlan } from '#tools/adopt/report'

const server = postgresAt(inject('postgresPort'))
// One waits for a lock in vain.
vi.setConfig({ testTimeout: 60_000 })

/** A backend's tables, with all that can hang on a table of tasks. */
const backend = [
  'create table users (id text primary key, email text, name text)',
  `insert into users values ('alice'), ('bob')`,
  `create table tasks (id serial primary key, user_id text not null references users (id),
    title text, completed boolean not null, created_at date default '2025-01-02', constraint tasks_title_check check (title <> 'none'))`,
  'create index tasks_newest_first on tasks (user_id)',
  'create index ix_tasks_title on tasks (title)',
  `insert into tasks (user_id, title, completed)
    select case number % 2 when 0 then 'alice' else 'bob' end, 'Task ' || number, false
    from generate_series(1, 40) as number`,
  'create table subtasks (id serial primary key, task_id integer references tasks (id))',
  'insert into subtasks (task_id) values (3)',
  'create view open_tasks as select * from tasks where not completed',
  'grant select on tasks to public',
]

async function openBackend(login?: string, ...more: string[]) {
  const name = await createDatabase(server)
  if (login !== undefined) {
    await runSql(server.url('postgres'), `alter database ${name} owner to ${login}`)
    await runSql(server.url(name), `alter schema public owner to ${login}`)
  }
  const url = server.url(name, login)
  await runSql(url, ...backend, ...more)
  return { url, database: await openDatabase({ ...options, url }) }
}

test('the old table stays whole under another name, and what refers to it goes on doing so', async () => {
  const { url, database } = await openBackend()
  const { plan } = await adoptIn(database, 'yes')
  await database.makeReady()
  expect(plan?.dependants).toEqual([
    'subtasks (foreign key subtasks_task_id_fkey)',
    'open_tasks (view)',
  ])
  const names = await runSql(
    url,
    `select relname::text as name from pg_class where relname like '%tasks%' and relkind <> 'v' order by 1`,
  )
  expect(names.map(({ name }) => name)).toEqual([
    'ix_tasks_title',
    'subtasks',
    'subtasks_id_seq',
    'subtasks_pkey',
    'tasks',
    'tasks_before_adoption',
    'tasks_before_adoption_id_seq',
    'tasks_before_adoption_ids',
    'tasks_before_adoption_ids_pkey',
    'tasks_before_adoption_newest_first',
    'tasks_before_adoption_pkey',
    'tasks_by_title',
    'tasks_newest_first',
    'tasks_pkey',
  ])
  const [numbered] = await runSql(
    url,
    `insert into tasks_before_adoption (user_id, title, completed) values ('bob', 'x', true) returning id`,
  )
  expect(numbered).toEqual({ id: 41 })
  expect(await runSql(url, 'select count(*)::int as count from open_tasks')).toEqual([
    { count: 40 },
  ])
  const moved = await runSql(
    url,
    `select title from subtasks join tasks_before_adoption_ids as ids on old_id = task_id
      join tasks on tasks.user_id = ids.user_id and tasks.id = ids.id`,
  )
  expect(moved).toEqual([{ title: 'Task 3' }])
  await database.close()
})

test('an account can be deleted after the adoption', async () => {
  const { url, database } = await openBackend()
  await adoptIn(database, 'yes')
  await database.makeReady()
  await runSql(url, `delete from users where id = 'bob'`)
  expect(await runSql(url, 'select distinct user_id from tasks')).toEqual([{ user_id: 'alice' }])
  await database.close()
})

test('neither requests nor those with default privileges or old grants reach the old rows', async () => {
  const [anon, reader] = [await createLogin(server), await createLogin(server)]
  const readerOfTitles = await createLogin(server)
  const { url, database } = await openBackend(
    undefined,
    `alter default privileges grant all on tables to ${anon}`,
    `grant all on tasks to ${anon} with grant option`,
    `grant select (title) on tasks to ${readerOfTitles}`,
    `set role ${anon}; grant select on tasks to ${reader}`,
  )
  await adoptIn(database, 'yes')
  await database.makeReady()
  for (const role of ['todo_app', anon, reader, readerOfTitles]) {
    for (const table of ['tasks_before_adoption', 'tasks_before_adoption_ids']) {
      for (const statement of [`select count(*) from ${table}`, `delete from ${table}`]) {
        const reached = runSql(url, `set role ${role}`, statement)
        await expect(reached, `${role}: ${statement}`).rejects.toThrow(/permission denied/)
      }
    }
    const title = runSql(url, `set role ${role}`, 'select title from tasks_before_adoption')
    await expect(title).rejects.toThrow(/permission denied/)
  }
  // The service's own table is open to default privileges too, and shows nothing.
  expect(await runSql(url, `set role ${anon}`, 'select * from tasks')).toEqual([])
  await database.close()
})

test('functions that name the old table are listed, and others are not', async () => {
  const body = (text: string) => `returns trigger language plpgsql as $$ begin ${text}; end $$`
  const { database } = await openBackend(
    undefined,
    `create function count_up() ${body('update public.Tasks set title = title; return new')}`,
    `create function note() ${body('insert into subtasks (task_id) values (new.id); return new')}`,
  )
  const { plan } = await adoptIn(database, 'look')
  expect(plan?.functions).toEqual(['count_up()'])
  if (plan === undefined) throw new Error('There is no plan.')
  expect(describePlan(plan, []).lines.join('\n')).toContain(
    'leave the function count_up() as it is',
  )
  const later = await adoptIn(database, 'yes')
  if (later.plan === undefined || later.done === undefined) throw new Error('It was not adopted.')
  expect(describeDone(later.plan, later.done).join()).toContain('count_up()')
  await database.close()
})

/** Tables that are no `tasks`, so that the service starts beside them. */
const beside = [
  'create table app_user (id integer primary key, email text, name text)',
  'insert into app_user values (1), (2)',
  'create table todos (id serial primary key, user_id integer references app_user, name text, done boolean, created_at date)',
  `insert into todos (user_id, name, done, created_at) values (1, 'Milk', true, '2025-01-02'), (2, 'Bread', false, '2025-01-02')`,
]
const appUser = { usersTable: { table: 'app_user' } }

async function openBeside(...more: string[]) {
  const url = server.url(await createDatabase(server))
  await runSql(url, ...beside, ...more)
  const found: (readonly string[])[] = []
  const onOtherTasks = (tables: readonly string[]) => found.push(tables)
  const database = await openDatabase({ ...options, url, onOtherTasks })
  await database.makeReady()
  return { url, database, found }
}

test('the start beside tables that look like tasks names them, once, and no others', async () => {
  const { database, found, url } = await openBeside(
    'create table todo_lists (id serial, title text, user_id integer)',
    'create table todos_tags (id serial, name text, status text)',
    'create table notes (id serial, title text, user_id integer, done boolean)',
    'create table item (id serial, price numeric, user_id integer)',
    'create schema jobs',
    'create table jobs.tasks (id serial, queue text, status text)',
  )
  expect(await database.isReady()).toBe(true)
  expect(found).toEqual([['todos']])
  await adoptIn(database, 'yes', appUser)
  await database.makeReady()
  expect(found).toEqual([['todos']])
  expect(await runSql(url, 'select count(*)::int as count from tasks')).toEqual([{ count: 2 }])
  await database.close()
})

test('empty tasks of a start with another users table are made anew, and the same logins may serve', async () => {
  const [login, stranger] = [await createLogin(server), await createLogin(server)]
  const { url, database } = await openBeside()
  await runSql(
    url,
    `grant execute on function todo_service() to ${login}`,
    `grant todo_app to ${login}, ${stranger}`,
  )
  const before = await everythingIn(url)
  const looked = await adoptIn(database, 'look', appUser)
  expect(looked.plan?.renewed?.users).toBe('users')
  expect(await everythingIn(url)).toEqual(before)
  const { done } = await adoptIn(database, 'yes', appUser)
  expect(done).toMatchObject({ copied: 2 })
  await database.makeReady()
  const other = await openDatabase({ ...options, url: url.replace('//postgres:', `//${login}:`) })
  await other.makeReady()
  const mayServe = `select has_function_privilege('${stranger}', 'todo_service()', 'execute') as may`
  expect(await runSql(url, mayServe)).toEqual([{ may: false }])
  const one = await statementsOf(other.forUser('1'), '1').list()
  expect(JSON.parse(one.json)).toMatchObject([{ title: 'Milk' }])
  await other.close()
  await database.close()
})

test('tasks that were written since are not touched, and what to do is said', async () => {
  const { url, database } = await openBeside()
  await statementsOf(database.forUser('carol'), 'carol').insert(crypto.randomUUID())
  for (const how of ['look', 'yes'] as const) {
    const { plan, done } = await adoptIn(database, how, appUser)
    expect(plan?.faults.join()).toMatch(
      /tasks already, of users in users, and USERS_TABLE is app_user/,
    )
    expect(done).toBeUndefined()
  }
  expect(await runSql(url, 'select user_id from tasks')).toEqual([{ user_id: 'carol' }])
  await database.close()
})

test('a login without the right to make tables in the schema of the users adopts and serves', async () => {
  const login = await createLogin(server, 'createrole')
  await runSql(
    server.url('postgres'),
    `do $$ begin create role todo_app nologin; exception when duplicate_object then null; end $$`,
    `grant todo_app to ${login}`,
  )
  const name = await createDatabase(server)
  await runSql(
    server.url(name),
    `alter schema public owner to ${login}`,
    'create schema auth',
    'create table auth.users (id uuid primary key default gen_random_uuid(), email text, name text)',
    'insert into auth.users default values',
    `grant usage on schema auth to ${login}`,
    `grant select, references, insert on auth.users to ${login}`,
    `set role ${login}`,
    'create table todos (id serial primary key, user_id uuid references auth.users, title text, done boolean, created_at date)',
    `insert into todos (user_id, title, done, created_at) select id, 'Milk', true, '2025-01-02' from auth.users`,
  )
  const usersTable = { schema: 'auth', table: 'users' }
  const database = await openDatabase({ ...options, url: server.url(name, login), usersTable })
  const { plan, done } = await adoptIn(database, 'yes', { usersTable })
  expect(plan?.faults).toEqual([])
  expect(done).toMatchObject({ copied: 1 })
  await database.makeReady()
  expect(await database.isReady()).toBe(true)
  await database.close()
})

test('a new user is served after the adoption, and one row of theirs is made', async () => {
  const { url, database } = await openBackend(undefined, 'alter table users drop column name')
  const { plan } = await adoptIn(database, 'yes')
  expect(plan?.users.missing).toEqual(['name'])
  await database.makeReady()
  await statementsOf(database.forUser('carol'), 'carol').insert(crypto.randomUUID())
  expect(await runSql(url, `select id from users where id = 'carol'`)).toEqual([{ id: 'carol' }])
  await database.close()
})

test('an ordinary login adopts rows that forced row-level security hides from it', async () => {
  const login = await createLogin(server, 'createrole')
  await runSql(
    server.url('postgres'),
    // The role may be there already, made for another database by somebody else.
    `do $$ begin create role todo_app nologin; exception when duplicate_object then null; end $$`,
    `grant todo_app to ${login}`,
  )
  const { url, database } = await openBackend(
    login,
    'alter table tasks enable row level security, force row level security',
    `create policy own on tasks using (user_id = current_setting('old.user', true))`,
  )
  expect(await runSql(url, 'select * from tasks')).toEqual([])
  const before = await everythingIn(url)
  const looked = await adoptIn(database, 'look')
  expect(looked.plan?.rows?.survey).toMatchObject({ rows: 40, copied: 40 })
  expect(await everythingIn(url)).toEqual(before)
  const { done } = await adoptIn(database, 'yes')
  expect(done).toMatchObject({ copied: 40 })
  await database.makeReady()
  const alice = await statementsOf(database.forUser('alice'), 'alice').list()
  expect(JSON.parse(alice.json)).toHaveLength(20)
  const forced = await runSql(
    url,
    `select relname::text as name, relforcerowsecurity as forced from pg_class
    where relname in ('tasks', 'tasks_before_adoption') order by 1`,
  )
  expect(forced).toEqual([
    { name: 'tasks', forced: true },
    { name: 'tasks_before_adoption', forced: true },
  ])
  await database.close()
})

test.concurrent('it waits for another database of the server that is migrated meanwhile', async ({
  onTestFinished,
}) => {
  // The role of the requests belongs to the server, so this one has nobody else on it.
  const own = await startPostgres()
  onTestFinished(() => own.remove())
  const url = own.url(await createDatabase(own))
  await runSql(url, ...backend, 'create role todo_app nologin')
  const database = await openDatabase({ ...options, url })
  const other = new Client({ connectionString: own.url('postgres') })
  await other.connect()
  await other.query('begin; grant todo_app to current_user')
  // Longer than it waits for a table.
  const released = sleep(12_000).then(() => other.end())
  const { done } = await adoptIn(database, 'yes')
  expect(done).toMatchObject({ copied: 40 })
  await released
  await database.close()
})

test.concurrent('it stops where the old backend still writes, and changes nothing', async () => {
  const { url, database } = await openBackend()
  const before = await everythingIn(url)
  const writer = new Client({ connectionString: url })
  await writer.connect()
  await writer.query('begin')
  await writer.query(`update tasks set title = 'x' where id = 1`)
  await expect(adoptIn(database, 'yes')).rejects.toThrow(/stop the old backend/)
  await writer.query('rollback')
  await writer.end()
  expect(await everythingIn(url)).toEqual(before)
  await database.close()
})

test('a second table can be adopted later, beside the tasks that are there by then', async () => {
  const { url, database } = await openBackend()
  await adoptIn(database, 'yes')
  await database.makeReady()
  await runSql(
    url,
    'create table task (id uuid primary key, user_id text, title text, completed boolean)',
    `insert into task select id, user_id, 'again', true from tasks limit 1`,
    `insert into task values (gen_random_uuid(), 'alice', 'late', true)`,
  )
  const looked = await adoptIn(database, 'look')
  expect(looked.plan?.rows?.survey.problems).toContainEqual(
    expect.objectContaining({ kind: 'id_taken', rows: 1 }),
  )
  const { done } = await adoptIn(database, 'yes', { leave: ['id_taken'], repair: ['time_missing'] })
  expect(done).toMatchObject({ copied: 1, left: 1 })
  expect(await database.isReady()).toBe(true)
  expect(await runSql(url, 'select count(*)::int as count from tasks')).toEqual([{ count: 41 }])
  await database.close()
})
