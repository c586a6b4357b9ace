import { createHash } from 'node:crypto'
import { describe, expect, inject, test } from 'vitest'
import { runAdopt } from '#tests/support/adopt'
import { everythingIn } from '#tests/support/everything-in'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { send } from '#tests/support/send'
import { startService } from '#tests/support/service'
import { hasSqlmodel, makeSqlmodelTables } from '#tests/support/sqlmodel'

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

/** To the millisecond, as Postgres rounds it. */
const instant = (column: string, zone = ` at time zone 'UTC'`) =>
  `to_char((${column}${zone})::timestamptz(3) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

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
      const env = { USERS_TABLE: users }
      makeSqlmodelTables(url, shape, 300)
      const old = await runSql(url, `select ${select} from ${table} order by created_at desc`)
      const before = await everythingIn(url)

      const looked = await runAdopt(url, [], env)
      expect(looked.output).toContain('300 rows of 3 users')
      expect(looked.output).toContain('Every row can be brought over.')
      expect(looked.code).toBe(0)
      expect(await everythingIn(url)).toEqual(before)

      const adopted = await runAdopt(url, ['--yes'], env)
      expect(adopted.output).toContain('300 tasks were brought over, 0 rows left behind')
      expect(adopted.code).toBe(0)
      const kept = await runSql(
        url,
        `select ${select} from ${table}_before_adoption order by created_at desc`,
      )
      expect(kept).toEqual(old)

      await using service = await startService('node', { DATABASE_URL: url, ...env })
      const owners = [...new Set(old.map((row) => String(row['user_id'])))]
      expect(owners).toHaveLength(3)
      for (const owner of owners) {
        const listed = await send(service.url, 'GET', '/api/tasks', owner)
        const expected = old.filter((row) => row['user_id'] === owner)
        expect(JSON.parse(listed.text)).toEqual(
          expected.map((row) => ({
            ...row,
            id: shape === 'serial' ? computedId(table, row['id']) : String(row['id']).toLowerCase(),
            title: toTitle(String(row['title'])),
            is_completed: row['completed'],
          })),
        )
      }
      const created = await send(service.url, 'POST', '/api/tasks', owners[0], { title: 'New' })
      expect(created.status).toBe(201)
    },
    60_000,
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
        and tasks.created_at = (old.created_at at time zone 'UTC')::timestamptz(3)
        and tasks.updated_at = (old.updated_at at time zone 'UTC')::timestamptz(3)
      where tasks.id is null`,
    )
    expect(differing).toEqual({ count: 0 })
    const [found] = await runSql(url, 'select count(*)::int as count from tasks')
    expect(found).toEqual({ count: 100_000 })
    expect((await runAdopt(url)).output).toContain('There is nothing to adopt')
  }, 180_000)
})
