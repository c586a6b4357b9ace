import { measureOperation } from '#bench/compare'
import { type BenchUser, loadData } from '#bench/data'
import { median } from '#bench/measure'
import { type Operation, operations, readOne } from '#bench/operations'
import type { Options } from '#bench/options'
import type { BenchPostgres } from '#bench/postgres'
import type { Rig } from '#bench/rig'
import { counting, type Target } from '#bench/servers'
import { toTable, whole } from '#bench/tables'

const users = 2000
const tasksEach = 100
/** Autovacuum comes when a fifth of a table has changed, so that is what lies dead at a time. */
const parts = 5
const relations = [
  ['rows', `pg_table_size('tasks')`],
  ['primary key', `pg_relation_size('tasks_pkey')`],
  ['index by time', `pg_relation_size('tasks_newest_first')`],
  ['index by title', `pg_relation_size('tasks_by_title')`],
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
  const sizes = relations.map(([, sql]) => `${sql}::float8`).join(', ')
  const rows = await postgres.query<{ bytes: number[] }>(`select array[${sizes}] as bytes`)
  return (rows[0]?.bytes ?? []).map((bytes) => bytes / (users * tasksEach))
}

const requests = 400
const measured = ['read', 'list', 'create', 'toggle']

/**
 * How long a request holds a connection, where nobody else asks; and what it costs a read to be
 * counted against its user's rate limit.
 */
export async function measureHolding(rig: Rig, options: Options): Promise<string> {
  const node = rig.targets.find(({ name }) => name === 'node')
  if (node === undefined) throw new Error('The Node host is needed: take it into --only.')
  const timed = { ...node.env, NODE_ENV: 'development' }
  const plain = { ...node, name: 'timed', env: timed }
  const counted = { ...node, name: 'timed, counting', env: { ...timed, ...counting } }
  const data = await loadData(rig.postgres, 1000, 200)
  const rows: string[][] = []
  for (const operation of operations.filter(({ name }) => measured.includes(name))) {
    const isRead = operation === readOne
    const targets = isRead ? [plain, counted] : [plain]
    // Both answer reads for a while first, so that neither is measured cold.
    const costs = isRead ? await measureOperation(rig, options, operation, targets, data) : []
    for (const target of targets) {
      const found = costs.find((result) => result.target === target)?.median
      rows.push([
        `${operation.title}${target === counted ? ', counted' : ''}`,
        (await holdingMs(rig, target, operation, data)).toFixed(2),
        ...[found?.serverMs.toFixed(3) ?? '', found?.postgresMs.toFixed(3) ?? ''],
      ])
    }
  }
  const described = `Median of ${requests} requests on the Node host, one after the other; commits reach the disk. What a read costs more where \`RATE_LIMIT\` counts it is added to every request.`
  return `${described}\n\n${toTable(['operation', 'connection ms', 'CPU ms/request', 'in Postgres'], rows)}`
}

/** The database's part of `Server-Timing`: from asking for a connection, which is free, to the rows. */
async function holdingMs(rig: Rig, target: Target, operation: Operation, data: BenchUser[]) {
  const { url } = await rig.running(target)
  const next = await operation.prepare(data, url)
  const times: number[] = []
  for (let sent = 0; sent < requests; sent += 1) {
    const { path, ...request } = next()
    const response = await fetch(url + path, request)
    await response.text()
    const [, ms] = /\bdb;dur=([\d.]+)/.exec(response.headers.get('server-timing') ?? '') ?? []
    if (ms === undefined) throw new Error(`${path} gave ${response.status} and no time.`)
    times.push(Number(ms))
  }
  return median(times)
}
