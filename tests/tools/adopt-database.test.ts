import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject, onTestFinished, test } from 'vitest'
import { openDatabase } from '#db/database'
import { options } from '#tests/support/databases'
import { hold } from '#tests/support/locked-tasks'
import {
  createDatabase,
  createLogin,
  openAdministrator,
  type PostgresAddress,
  postgresAt,
  runSql,
  startPostgres,
} from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'
import { adoptIn, everythingIn, startAdopt, tasksOf } from '#tests/tools/adopt'
import { describeDone, describePlan } from '#tools/adopt/report'

const shared = postgresAt(inject('postgresPort'))

const trigger = (name: string, body: string) =>
  `create function ${name}() returns trigger language plpgsql as $$ begin ${body}; return new; end $$`

/** A backend's tables, with all that can hang on a table of tasks. */
const backend = [
  'create table users (id text primary key, email text)',
  `insert into users values ('alice'), ('bob')`,
  `create table tasks (id serial primary key, user_id text not null references users (id),
    title text, completed boolean not null, created_at date default '2025-01-02',
    updated_by text default 'bob' references users (id))`,
  'create index tasks_newest_first on tasks (user_id)',
  'create index ix_tasks_title on tasks (title)',
  `insert into tasks (user_id, title, completed)
    select case number % 2 when 0 then 'alice' else 'bob' end, 'Task ' || number, false
    from generate_series(1, 40) as number`,
  'create table subtasks (id serial primary key, task_id integer references tasks (id))',
  'insert into subtasks (task_id) values (3)',
  'create view open_tasks as select * from tasks where not completed',
  'grant select on tasks to public',
  trigger('count_up', 'update public.Tasks set title = title'),
  trigger('note', 'insert into subtasks (task_id) values (new.id)'),
]
/** Tables that are no `tasks`, so that the service starts beside them. */
const beside = [
  'create table app_user (id integer primary key, email text, name text)',
  'insert into app_user values (1), (2)',
  `create table todos (id serial primary key, user_id integer references app_user, name text,
    done boolean, created_at date)`,
  `insert into todos (user_id, name, done, created_at)
    values (1, 'Milk', true, '2025-01-02'), (2, 'Bread', false, '2025-01-02')`,
]
const appUser = { usersTable: { table: 'app_user' } }

async function openWith(tables: readonly string[], server: PostgresAddress = shared) {
  const url = server.url(await createDatabase(server))
  await runSql(url, ...tables)
  const database = await openDatabase({ ...options, url })
  onTestFinished(() => database.close())
  return { url, database }
}

test('the old table stays whole under another name, and what refers to it goes on doing so', async () => {
  const { url, database } = await openWith(backend)
  const { plan, done } = await adoptIn(database, 'yes')
  if (plan === undefined || done === undefined) throw new Error('It was not adopted.')
  await database.makeReady()
  const names = await runSql(
    url,
    `select string_agg(relname, ' ' order by relname) as all from pg_class
      where relnamespace = 'public'::regnamespace and relname ~ '^(tasks_before_adoption|ix_tasks)'`,
  )
  const kept = ['', '_id_seq', '_ids', '_ids_pkey', '_newest_first', '_pkey']
  const all = ['ix_tasks_title', ...kept.map((end) => `tasks_before_adoption${end}`)].join(' ')
  expect(names).toEqual([{ all }])
  const [numbered] = await runSql(
    url,
    `insert into tasks_before_adoption (user_id, title, completed) values ('bob', 'x', true) returning id`,
  )
  expect(numbered).toEqual({ id: 41 })
  expect(await runSql(url, 'select from open_tasks')).toHaveLength(40)
  const moved = await runSql(
    url,
    `select title from subtasks join tasks_before_adoption_ids as ids on old_id = task_id
      join tasks on tasks.user_id = ids.user_id and tasks.id = ids.id`,
  )
  expect(moved).toEqual([{ title: 'Task 3' }])

  const views = ['subtasks (foreign key subtasks_task_id_fkey)', 'open_tasks (view)']
  expect(plan.dependants).toEqual(views)
  expect(plan.functions).toEqual(['count_up()'])
  const told = describePlan(plan, []).lines.join('\n')
  expect(told).toContain('leave the function count_up() as it is')
  expect(describeDone(plan, done).join()).toContain('count_up()')
})

test('after the adoption accounts come and go, with a row of theirs and without one', async () => {
  const { url, database } = await openWith(backend)
  const { plan } = await adoptIn(database, 'yes')
  expect(plan?.users.missing).toEqual(['name'])
  await database.makeReady()
  await statementsOf(database.forUser('carol'), 'carol').insert(crypto.randomUUID())
  await runSql(url, `delete from users where id = 'bob'`)
  for (const ids of ['select id from users', 'select distinct user_id as id from tasks']) {
    expect(await runSql(url, `${ids} order by 1`)).toEqual([{ id: 'alice' }, { id: 'carol' }])
  }
})

test('neither requests nor those with default privileges or old grants reach the old rows', async () => {
  const [anon, reader] = [await createLogin(shared), await createLogin(shared)]
  const readerOfTitles = await createLogin(shared)
  const { url, database } = await openWith([
    ...backend,
    `alter default privileges grant all on tables to ${anon}`,
    `grant all on tasks to ${anon} with grant option`,
    `grant select (title) on tasks to ${readerOfTitles}`,
    'alter table tasks force row level security',
    `set role ${anon}; grant select on tasks to ${reader}`,
  ])
  await adoptIn(database, 'yes')
  await database.makeReady()
  for (const role of ['todo_app', anon, reader, readerOfTitles]) {
    for (const start of ['select title from tasks', 'delete from tasks', 'select from tasks_ids']) {
      const statement = start.replace('tasks', 'tasks_before_adoption')
      const reached = runSql(url, `set role ${role}`, statement)
      await expect(reached, `${role}: ${statement}`).rejects.toThrow(/permission denied/)
    }
  }
  // The service's own table is open to default privileges too, and shows nothing.
  expect(await runSql(url, `set role ${anon}`, 'select * from tasks')).toEqual([])
})

test('empty tasks of a start with another users table are made anew once nothing uses them, and the same logins may serve', async () => {
  const [login, stranger] = [await createLogin(shared), await createLogin(shared)]
  const { url, database } = await openWith(beside)
  await database.makeReady()
  const mayServe = `grant execute on function todo_service() to ${login}`
  const mayMove = `grant execute on function todo_move_tasks to ${login}`
  await runSql(url, mayServe, mayMove, `grant todo_app to ${login}, ${stranger}`)
  const tag = `create table tags (user_id text, task_id uuid, foreign key (user_id, task_id) references tasks)`
  await runSql(url, 'create view all_tasks as select * from tasks', tag)
  const before = await everythingIn(url)
  const { plan } = await adoptIn(database, 'look', appUser)
  expect(plan?.renewed?.users).toBe('users')
  expect(plan?.faults.map((fault) => fault.split(' ')[0])).toEqual(['tags', 'all_tasks'])
  expect(await everythingIn(url)).toEqual(before)
  await runSql(url, 'drop view all_tasks', 'drop table tags')
  const { done } = await adoptIn(database, 'yes', appUser)
  expect(done).toMatchObject({ copied: 2 })
  const other = await openDatabase({ ...options, url: url.replace('//postgres:', `//${login}:`) })
  onTestFinished(() => other.close())
  await other.makeReady()
  const may = (who: string, called: string) =>
    `has_function_privilege('${who}', (select oid from pg_proc where proname = '${called}'), 'execute')`
  const asked = `select ${may(stranger, 'todo_service')} as serves, ${may(login, 'todo_move_tasks')} as moves`
  expect(await runSql(url, asked)).toEqual([{ serves: false, moves: true }])
  expect(await tasksOf({ database: other }, '1')).toMatchObject([{ title: 'Milk' }])
})

test('tasks that were written since are not touched, and what to do is said', async () => {
  const { url, database } = await openWith(beside)
  await database.makeReady()
  await statementsOf(database.forUser('carol'), 'carol').insert(crypto.randomUUID())
  for (const how of ['look', 'yes'] as const) {
    const { plan, done } = await adoptIn(database, how, appUser)
    expect(plan?.faults.join()).toContain('of users in users, and USERS_TABLE is app_user')
    expect(done).toBeUndefined()
  }
  expect(await runSql(url, 'select user_id from tasks')).toEqual([{ user_id: 'carol' }])
})

test('a task that the running service stores meanwhile is not dropped with the empty tasks', async () => {
  const { url, database } = await openWith(beside)
  await database.makeReady()
  const service = openAdministrator(url)
  await service.run(
    `begin; insert into users (id) values ('carol')`,
    `insert into tasks (user_id, id, title) values ('carol', gen_random_uuid(), 'Milk')`,
  )
  const adopting = adoptIn(database, 'yes', appUser)
  const waiting = `select from pg_locks where not granted and relation = 'tasks'::regclass`
  await expect.poll(() => runSql(url, waiting)).toHaveLength(1)
  await service.run('commit')
  await service.close()
  expect((await adopting).done).toBeUndefined()
  expect(await runSql(url, 'select title from tasks')).toEqual([{ title: 'Milk' }])
})

test.concurrent('it waits for another database of the server that is migrated meanwhile, and killed there has changed nothing', async () => {
  // The role of the requests belongs to the server, so this one has nobody else on it.
  const server = await startPostgres()
  onTestFinished(() => server.remove())
  const { url, database } = await openWith([...backend, 'create role todo_app nologin'], server)
  const { url: killedUrl } = await openWith(backend, server)
  const before = await everythingIn(killedUrl)
  const sessionsOf = (of: string) => () =>
    runSql(
      server.url('postgres'),
      `select wait_event_type as waits_for from pg_stat_activity
      where datname = '${new URL(of).pathname.slice(1)}'`,
    )
  const release = await hold(server.url('postgres'), 'grant todo_app to current_user')
  const adopting = adoptIn(database, 'yes')
  const killed = startAdopt(killedUrl, ['--yes'])
  for (const each of [url, killedUrl]) {
    await expect.poll(sessionsOf(each)).toContainEqual({ waits_for: 'Lock' })
  }
  // The old table has its new name by then.
  killed.process.kill('SIGKILL')
  await killed.ended
  // Longer than it waits for a table.
  await sleep(12_000)
  await release()
  expect((await adopting).done).toMatchObject({ copied: 40 })
  // Postgres notices by itself that its client is gone, and rolls back.
  await expect.poll(sessionsOf(killedUrl)).toEqual([])
  expect(await everythingIn(killedUrl)).toEqual(before)
})

test('all that it changes is one transaction, so that it does all of it or nothing', async () => {
  const { url, database } = await openWith(backend)
  await adoptIn(database, 'yes')
  const transactions = await runSql(
    url,
    `select distinct xmin::text from (select xmin from tasks union all
      select xmin from tasks_before_adoption_ids union all select xmin from kysely_migration union all
      select xmin from pg_class where relname ~ '^tasks') as changed`,
  )
  expect(transactions).toHaveLength(1)
})

test.concurrent('it stops where the old backend still writes, and changes nothing', async () => {
  const { url, database } = await openWith(backend)
  const before = await everythingIn(url)
  const release = await hold(url, `update tasks set title = 'x' where id = 1`)
  await expect(adoptIn(database, 'yes')).rejects.toThrow(/stop the old backend/)
  await release()
  expect(await everythingIn(url)).toEqual(before)
})

test('a second table can be adopted later, beside the tasks that are there by then', async () => {
  const { url, database } = await openWith(backend)
  await adoptIn(database, 'yes')
  await database.makeReady()
  await runSql(
    url,
    'create table task (id uuid primary key, user_id text, title text, completed boolean)',
    `insert into task select id, user_id, 'again', true from tasks limit 1`,
    `insert into task values (gen_random_uuid(), 'alice', 'late', true)`,
  )
  const { plan } = await adoptIn(database, 'look')
  const taken = plan?.rows?.survey.problems.find(({ kind }) => kind === 'id_taken')
  expect(taken?.rows).toBe(1)
  const { done } = await adoptIn(database, 'yes', { leave: ['id_taken'], repair: ['time_missing'] })
  expect(done).toMatchObject({ copied: 1, left: 1 })
  expect(await database.isReady()).toBe(true)
  expect(await runSql(url, 'select from tasks')).toHaveLength(41)
})
