import { loadData } from '#bench/data'
import type { BenchPostgres } from '#bench/postgres'
import { toTable, whole } from '#bench/tables'

const users = 2000
const tasksEach = 100
/** Autovacuum comes when a fifth of a table has changed, so that is what lies dead at a time. */
const parts = 5

const relations = [
  ['rows', `pg_table_size('tasks')`],
  ['primary key', `pg_relation_size('tasks_pkey')`],
  ['index of the list', `pg_relation_size('tasks_newest_first')`],
  ['all of it', `pg_total_relation_size('tasks')`],
] as const

/**
 * Bytes on disk for each task, indexes included: as tasks come in, of many users in turn, and
 * after each was changed once, which leaves the room that it had before.
 */
export async function measureTaskSize(postgres: BenchPostgres): Promise<string> {
  await loadData(postgres, users, tasksEach)
  await postgres.query('create temporary table loaded as select * from tasks')
  await postgres.query('truncate tasks')
  await postgres.query('insert into tasks select * from loaded order by random()')
  await postgres.query('drop table loaded')
  await postgres.query('vacuum (analyze) tasks')
  const before = await bytesPerTask(postgres)
  for (let part = 0; part < parts; part += 1) {
    await postgres.query(
      `update tasks set completed = not completed, version = version + 1, updated_at = now()
        where abs(hashtext(id::text)) % $1 = $2`,
      [parts, part],
    )
    await postgres.query('vacuum (analyze) tasks')
  }
  const after = await bytesPerTask(postgres)
  const rows = relations.map(([title], index) => [
    ...[title, whole(before[index] ?? Number.NaN), whole(after[index] ?? Number.NaN)],
  ])
  const described = `Bytes on disk for each of ${whole(users * tasksEach)} tasks, with a title of about 40 characters and half of them with a description of about 110.`
  return `${described}\n\n${toTable(['bytes per task', 'as they come in', 'each changed once'], rows)}`
}

async function bytesPerTask(postgres: BenchPostgres): Promise<number[]> {
  const sizes = relations.map(([, sql]) => `${sql}::float8`)
  const rows = await postgres.query<{ bytes: number[] }>(
    `select array[${sizes.join(', ')}] as bytes`,
  )
  return (rows[0]?.bytes ?? []).map((bytes) => bytes / (users * tasksEach))
}
