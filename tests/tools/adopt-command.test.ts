import { createHash } from 'node:crypto'
import { describe, expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { readTableName } from '#db/table-name'
import { options } from '#tests/support/databases'
import { hasPgbouncer, startPgbouncer } from '#tests/support/pgbouncer'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { send } from '#tests/support/send'
import { endOf, launch, startService } from '#tests/support/service'
import { statementsOf } from '#tests/support/statements'
import { adoptIn, runAdopt } from '#tests/tools/adopt'
import { everythingIn } from '#tests/tools/everything-in'
import { hasSqlmodel, makeSqlmodelTables } from '#tests/tools/sqlmodel'

const server = postgresAt(inject('postgresPort'))

/** The new id of a row whose id is no UUID, computed as docs/adopting.md says. */
function computedId(table: string, id: unknown): string {
  const namespace = Buffer.from('5f0c2b1e64d94c0a9a5d3c1f7e86b210', 'hex')
  const hash = createHash('sha256').update(namespace).update(`${table}/${id}`).digest()
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x80
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80
  const hex = hash.toString('hex', 0, 16)
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** Cut to the millisecond. */
const instant = (column: string, zone = ` at time zone 'UTC'`) =>
  `to_char(date_trunc('milliseconds', (${column}${zone})::timestamptz) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

const shapes = [
  {
    shape: 'serial',
    table: 'tasks',
    users: 'users',
    select: `id, user_id::text, title, description, completed,
      ${instant('created_at')} as created_at, ${instant('updated_at')} as updated_at`,
    toTitle: (title: string) => title.trim(),
  },
  {
    shape: 'uuid',
    table: 'tasks',
    users: 'users',
    select: `id, user_id::text, title, description, is_completed as completed,
      ${instant('created_at', '')} as created_at,
      ${instant('coalesce(updated_at, created_at)', '')} as updated_at`,
    toTitle: (title: string) => title,
  },
  {
    shape: 'text',
    table: 'task',
    users: '"user"',
    select: `id, user_id, title, null as description, completed,
      ${instant('created_at')} as created_at, ${instant('created_at')} as updated_at`,
    toTitle: (title: string) => title,
  },
] as const

describe.skipIf(!hasSqlmodel)('the tables of a backend on SQLModel', () => {
  test.each(shapes)(
    'with ids of the shape $shape are adopted, each task as it was',
    async ({ shape, table, users, select, toTitle }) => {
      const url = server.url(await createDatabase(server))
      const usersTable = readTableName(users)
      if (usersTable === undefined) throw new Error(`${users} is no name.`)
      makeSqlmodelTables(url, shape, 300)
      const old = await runSql(url, `select ${select} from ${table} order by created_at desc`)
      const before = await everythingIn(url)
      const database = await openDatabase({ ...options, url, usersTable })

      const looked = await adoptIn(database, 'look', { usersTable })
      expect(looked.plan?.rows?.survey).toMatchObject({ rows: 300, owners: 3, problems: [] })
      expect(await everythingIn(url)).toEqual(before)

      const { done } = await adoptIn(database, 'yes', { usersTable })
      expect(done).toMatchObject({ copied: 300, left: 0 })
      const kept = await runSql(
        url,
        `select ${select} from ${table}_before_adoption order by created_at desc`,
      )
      expect(kept).toEqual(old)

      await database.makeReady()
      const owners = [...new Set(old.map((row) => String(row['user_id'])))]
      expect(owners).toHaveLength(3)
      for (const owner of owners) {
        const statements = statementsOf(database.forUser(owner), owner)
        const expected = old.filter((row) => row['user_id'] === owner)
        expect(JSON.parse((await statements.list()).json)).toEqual(
          expected.map((row) => ({
            ...row,
            id: shape === 'serial' ? computedId(table, row['id']) : String(row['id']).toLowerCase(),
            title: toTitle(String(row['title'])),
            is_completed: row['completed'],
          })),
        )
        await statements.insert(crypto.randomUUID())
      }
      await database.close()
    },
  )

  test('of 100,000 rows are adopted, and another look finds nothing to do', async () => {
    const url = server.url(await createDatabase(server))
    makeSqlmodelTables(url, 'serial', 1000)
    const columns =
      'title, description, completed, priority, due_date, user_id, created_at, updated_at'
    await runSql(
      url,
      `insert into tasks (${columns}) select ${columns} from tasks, generate_series(1, 99)`,
    )
    const adopted = await runAdopt(url, ['--yes'])
    expect(adopted.output).toContain('100,000 tasks were brought over, 0 rows left behind')
    const [differing] = await runSql(
      url,
      `select count(*)::int as count from tasks_before_adoption as old
      join tasks_before_adoption_ids as ids on ids.old_id = old.id
      left join tasks on tasks.id = ids.id and tasks.user_id = old.user_id
        and tasks.title = trim(old.title) and tasks.completed = old.completed
        and tasks.description is not distinct from old.description
        and tasks.created_at = date_trunc('milliseconds', old.created_at at time zone 'UTC')
        and tasks.updated_at = date_trunc('milliseconds', old.updated_at at time zone 'UTC')
      where tasks.id is null`,
    )
    expect(differing).toEqual({ count: 0 })
    const [found] = await runSql(url, 'select count(*)::int as count from tasks')
    expect(found).toEqual({ count: 100_000 })
    expect((await runAdopt(url)).output).toContain('There is nothing to adopt')
  }, 180_000)
})

/** Tables of another backend: what is in `tasks` is not in the service's. */
async function makeTables(table: string): Promise<string> {
  const url = server.url(await createDatabase(server))
  await runSql(
    url,
    'create table users (id text primary key, email text, name text)',
    `insert into users values ('alice'), ('bob')`,
    `create table ${table} (id serial primary key, user_id text references users (id), title text,
      completed boolean, created_at date)`,
    `insert into ${table} (user_id, title, completed, created_at)
      select case n % 2 when 0 then 'alice' else 'bob' end, 'Task ' || n, false, '2025-01-02'
      from generate_series(1, 40) as n`,
  )
  return url
}

test.skipIf(!hasPgbouncer)(
  'through PgBouncer in transaction mode, it adopts and locks nothing for ever',
  async () => {
    const url = await makeTables('tasks')
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
})

test('the start beside todos warns once, and the command that a look prints goes', async () => {
  const url = await makeTables('"Todos"')
  await runSql(url, `alter table "Todos" rename completed to state`)
  {
    await using service = await startService('node', { DATABASE_URL: url })
    expect((await send(service.url, 'GET', '/api/tasks', 'alice')).text).toBe('[]')
    expect((await send(service.url, 'GET', '/health/ready')).status).toBe(200)
    expect(service.output().match(/other_tasks.*"Todos\\"/g)).toHaveLength(1)
  }
  const looked = await runAdopt(url)
  expect(looked.code).toBe(1)
  expect(looked.output).toContain('npm run db:adopt -- --column completed=state\n')
  const again = await runAdopt(url, ['--column', 'completed=state'])
  expect(again.output).toContain('npm run db:adopt -- --column completed=state --yes\n')
  expect(again.code).toBe(0)
  const done = await runAdopt(url, ['--column', 'completed=state', '--yes'])
  expect(done.output).toContain('40 tasks were brought over')
  expect(done.code).toBe(0)
  await using service = await startService('node', { DATABASE_URL: url })
  expect((await send(service.url, 'GET', '/api/tasks', 'alice')).json()).toHaveLength(20)
  expect(service.output()).not.toContain('other_tasks')
})

test.each([
  ['--repair', 'title_blank', '--repair: title_blank is none of'],
  ['--tabel', 'x', '--tabel'],
])('%s %s is refused with what is wrong, and exit code 1', async (option, value, says) => {
  const { code, output } = await runAdopt('postgres://127.0.0.1:9/none', [option, value])
  expect(output).toContain(says)
  expect(code).toBe(1)
})
