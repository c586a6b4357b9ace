import { expect, test } from 'vitest'
import { newDatabase } from '#tests/support/databases'
import { runSql } from '#tests/support/postgres'
import { send } from '#tests/support/send'
import { endOf, launch, startService } from '#tests/support/service'
import { everythingIn, runAdopt } from '#tests/tools/adopt'

/** The tables of a FastAPI backend as SQLModel writes them, with 100,000 tasks. */
const sqlmodel = [
  'create table users (id serial primary key, email varchar not null, hashed_password varchar not null)',
  'create unique index ix_users_email on users (email)',
  `create table tasks (id serial primary key, title varchar(200) not null, description varchar(1000),
    completed boolean not null, priority varchar not null, user_id integer not null references users (id),
    created_at timestamp not null, updated_at timestamp not null)`,
  'create index ix_tasks_title on tasks (title)',
  'create index ix_tasks_user_id on tasks (user_id)',
  `insert into users (email, hashed_password) select n || '@example.com', 'x' from generate_series(1, 3) as n`,
  `insert into tasks (title, description, completed, priority, user_id, created_at, updated_at)
    select '  Task ' || n || ' ', case n % 3 when 0 then E'Milk & “bread” №' || n || E' 🥖\n' end,
      n % 2 = 0, 'medium', n % 3 + 1, at, at + n * interval '1 minute'
    from generate_series(1, 100000) as n, cast('2025-03-30 00:30:00.678901' as timestamp) as at`,
]

test('100,000 rows of a backend on SQLModel are adopted, each as it was, and another look finds nothing to do', async () => {
  const url = (await newDatabase()).url
  await runSql(url, ...sqlmodel)
  const adopted = await runAdopt(url, ['--yes'])
  expect(adopted.output).toContain('100,000 tasks were brought over, 0 rows left behind')
  const [same] = await runSql(
    url,
    `select count(*)::int as count from tasks_before_adoption as old
    join tasks_before_adoption_ids as ids on ids.old_id = old.id
    join tasks on tasks.id = ids.id and tasks.user_id = old.user_id
      and tasks.title = trim(old.title) and tasks.completed = old.completed
      and tasks.description is not distinct from old.description
      and tasks.created_at = date_trunc('milliseconds', old.created_at at time zone 'UTC')
      and tasks.updated_at = date_trunc('milliseconds', old.updated_at at time zone 'UTC')`,
  )
  expect(same).toEqual({ count: 100_000 })
  expect(await runSql(url, 'select from tasks')).toHaveLength(100_000)
  expect((await runAdopt(url)).output).toContain('There is nothing to adopt')
})

/** Tables of another backend: what is in `tasks` is not in the service's. */
async function makeTables(table: string): Promise<string> {
  const url = (await newDatabase()).url
  await runSql(
    url,
    'create table users (id text primary key, email text, name text)',
    `insert into users values ('alice'), ('bob')`,
    `create table ${table} (id serial primary key, user_id text references users (id), title text,
      completed boolean, created_at timestamp)`,
    `insert into ${table} (user_id, title, completed, created_at)
      select case n % 2 when 0 then 'alice' else 'bob' end, 'Task ' || n, false, '2025-01-02 03:04:05.678901'
      from generate_series(1, 40) as n`,
  )
  return url
}

test('the start on tasks of another backend names the command, which names the tasks', async () => {
  const url = await makeTables('tasks')
  const before = await everythingIn(url)
  const service = launch('node', { DATABASE_URL: url, PORT: '0' })
  expect(await endOf(service)).toBe(1)
  await expect.poll(() => service.output()).toContain('npm run db:adopt -- --yes')
  expect(service.output()).not.toContain('already exists')
  expect(await everythingIn(url)).toEqual(before)
  const { code, output } = await runAdopt(url)
  expect(code).toBe(0)
  expect(output).toContain('The table tasks has 40 rows of 2 users.')
  expect(output).toContain('Times of 40 rows are cut to milliseconds, not rounded.')
})

test('the start beside todos warns once, of no other table, and the commands that looks print lead to the tasks', async () => {
  const url = await makeTables('"Todos"')
  await runSql(
    url,
    `alter table "Todos" rename completed to state`,
    'create table todo_lists (id serial, title text, user_id integer)',
    'create table todos_tags (id serial, name text, status text)',
    'create table notes (id serial, title text, user_id integer, done boolean)',
    'create table item (id serial, price numeric, user_id integer)',
    'create schema jobs',
    'create table jobs.tasks (id serial, queue text, status text)',
  )
  const serve = async () => {
    await using service = await startService('node', { DATABASE_URL: url })
    const { text } = await send(service.url, 'GET', '/api/tasks', 'alice')
    expect((await send(service.url, 'GET', '/health/ready')).status).toBe(200)
    return { tasks: JSON.parse(text), warnings: service.output().match(/other_tasks.*/g) ?? [] }
  }
  const warning = expect.stringContaining('does not show: \\"Todos\\". To see')
  expect(await serve()).toEqual({ tasks: [], warnings: [warning] })

  const printed = /^ {2}npm run db:adopt -- (.*)$/m
  const looked = await runAdopt(url)
  const [, decided = ''] = printed.exec(looked.output) ?? []
  const again = await runAdopt(url, decided.split(' '))
  const [, meant = ''] = printed.exec(again.output) ?? []
  const done = await runAdopt(url, meant.split(' '))
  expect([looked.code, again.code, done.code]).toEqual([1, 0, 0])
  expect([decided, meant]).toEqual(['--column completed=state', '--column completed=state --yes'])
  const { tasks, warnings } = await serve()
  expect(tasks).toHaveLength(20)
  expect(warnings).toEqual([])
})

test.each([
  ['--repair', 'title_blank', '--repair: title_blank is none of'],
  ['--tabel', 'x', '--tabel'],
  ['--column', 'name=title', '--column name=title: write <column of tasks>='],
  ['--column', 'title=a:b', 'after a colon come values for completed and deleted'],
])('%s %s is refused with what is wrong, and exit code 1', async (option, value, says) => {
  const { code, output } = await runAdopt('postgres://127.0.0.1:9/none', [option, value])
  expect(output).toContain(says)
  expect(code).toBe(1)
})
