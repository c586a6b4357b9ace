import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { expect, inject, test, vi } from 'vitest'
import { openDatabase } from '#db/database'
import { adoptIn, runAdopt } from '#tests/support/adopt'
import { options } from '#tests/support/databases'
import { everythingIn } from '#tests/support/everything-in'
import { hasPgbouncer, startPgbouncer } from '#tests/support/pgbouncer'
import {
  createDatabase,
  createLogin,
  postgresAt,
  runSql,
  startPostgres,
} from '#tests/support/postgres'
import { endOf, launch } from '#tests/support/service'
import { statementsOf } from '#tests/support/statements'

const server = postgresAt(inject('postgresPort'))
// One waits for a lock in vain, and others start programs.
vi.setConfig({ testTimeout: 60_000 })

/** A backend's tables, with all that can hang on a table of tasks. */
const backend = [
  'create table users (id text primary key, email text, name text)',
  `insert into users values ('alice'), ('bob')`,
  `create table tasks (id serial primary key, user_id text not null references users (id),
    title text, completed boolean not null, constraint tasks_title_check check (title <> 'none'))`,
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

test('an account can be deleted, and requests cannot read the old table', async () => {
  const { url, database } = await openBackend()
  await adoptIn(database, 'yes')
  await database.makeReady()
  await runSql(url, `delete from users where id = 'bob'`)
  expect(await runSql(url, 'select distinct user_id from tasks')).toEqual([{ user_id: 'alice' }])
  for (const table of ['tasks_before_adoption', 'tasks_before_adoption_ids']) {
    const reading = runSql(url, 'set role todo_app', `select * from ${table}`)
    await expect(reading).rejects.toThrow(/permission denied/)
  }
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

test('a login that does not own the table is told so, by the look as well', async () => {
  const { url } = await openBackend()
  const login = await createLogin(server)
  const database = await openDatabase({
    ...options,
    url: url.replace('//postgres:', `//${login}:`),
  })
  const { plan, done } = await adoptIn(database, 'yes')
  expect(plan?.faults.join()).toContain('belongs to another role')
  expect(done).toBeUndefined()
  await database.close()
})

test.skipIf(!hasPgbouncer)(
  'through PgBouncer in transaction mode, it adopts and locks nothing for ever',
  async () => {
    const { url, database } = await openBackend()
    await database.close()
    const bouncer = await startPgbouncer(server.port, 2)
    const { code, output } = await runAdopt(url.replace(`:${server.port}/`, `:${bouncer.port}/`), [
      '--yes',
    ])
    await bouncer.stop()
    expect(output).toContain('40 tasks were brought over')
    expect(code).toBe(0)
    const locks = await runSql(
      url,
      `select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`,
    )
    expect(locks).toEqual([])
  },
)

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
  const startedAt = performance.now()
  await expect(adoptIn(database, 'yes')).rejects.toThrow(/stop the old backend/)
  // It waits ten seconds for a table, and fifty for other migrations.
  expect(performance.now() - startedAt).toBeLessThan(30_000)
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
  expect(looked.plan?.rows?.survey.problems).toMatchObject([{ kind: 'id_taken', rows: 1 }])
  const { done } = await adoptIn(database, 'yes', { leave: ['id_taken'] })
  expect(done).toMatchObject({ copied: 1, left: 1 })
  expect(await database.isReady()).toBe(true)
  expect(await runSql(url, 'select count(*)::int as count from tasks')).toEqual([{ count: 41 }])
  await database.close()
})

test('the start on such a database names the command, which names the tasks', async () => {
  const { url } = await openBackend()
  const before = await everythingIn(url)
  const service = launch('node', { DATABASE_URL: url, PORT: '0' })
  expect(await endOf(service)).toBe(1)
  expect(service.output()).toContain('npm run db:adopt -- --yes')
  expect(service.output()).not.toContain('already exists')
  expect(await everythingIn(url)).toEqual(before)
  const { code, output } = await runAdopt(url)
  expect(code).toBe(0)
  expect(output).toContain('The table tasks has 40 rows of 2 users.')
  expect(output).toContain('leave subtasks (foreign key subtasks_task_id_fkey) with')
})

test.each([
  [['--timezone', 'Mars/Olympus'], 'no time zone Mars/Olympus'],
  [['--repair', 'title_blank'], '--repair: title_blank is none of'],
  [['--table', 'a.b.c'], 'a.b.c is no table name'],
  [['--tabel', 'x'], '--tabel'],
])(
  '%j is refused with what is wrong, and exit code 1',
  async (parameters, says) => {
    const { url } = await openBackend()
    const { code, output } = await runAdopt(url, parameters)
    expect(output).toContain(says)
    expect(code).toBe(1)
  },
  60_000,
)
