import { Connection } from '#bench/connection'
import { percentiles } from '#bench/measure'
import type { Options } from '#bench/options'
import type { BenchPostgres } from '#bench/postgres'
import type { Rig } from '#bench/rig'
import type { Target } from '#bench/servers'
import { figure, toTable, whole } from '#bench/tables'
import { Visitor } from '#bench/visitor'

/**
 * Lets a thousand users work at once, without a pause between one request and the next, on each
 * host, and counts afterwards what the database holds of what they were told is stored.
 */
export async function load(rig: Rig, options: Options): Promise<string> {
  const rows: string[][] = []
  for (const target of rig.targets.filter(({ name }) => name === 'node' || name === 'next')) {
    rows.push(await loadTarget(rig, options, target))
  }
  const head = [
    ...['server', 'users', 'requests', 'requests/s', 'p50 ms', 'p95 ms', 'p99 ms', 'errors'],
    ...['tasks to be stored', 'lost or wrong'],
  ]
  return `${whole(options.connections)} users at once for ${options.seconds} s\n\n${toTable(head, rows)}`
}

async function loadTarget(
  { postgres, running }: Rig,
  { connections, seconds }: Options,
  target: Target,
): Promise<string[]> {
  const { url } = await running(target)
  const lines = Array.from({ length: connections }, () => new Connection(url))
  const visitors = lines.map((line, index) => new Visitor(`visitor-${target.name}-${index}`, line))
  const start = performance.now()
  await Promise.all(visitors.map((visitor) => visitor.workUntil(start + seconds * 1000)))
  const elapsedSeconds = (performance.now() - start) / 1000
  await Promise.all(lines.map((line) => line.close()))

  const faults = visitors.flatMap((visitor) => visitor.faults)
  for (const [fault, same] of Map.groupBy(faults, String)) console.log(`${same.length} × ${fault}`)
  const latencies = visitors.flatMap((visitor) => visitor.latencies)
  const count = latencies.length
  const [p50, p95, p99] = percentiles(latencies, [0.5, 0.95, 0.99])
  const { stored, wrong } = await countLost(postgres, target, visitors)
  return [
    ...[target.title, whole(connections), whole(count), whole(count / elapsedSeconds)],
    ...[figure(p50), figure(p95), figure(p99), whole(faults.length), whole(stored), whole(wrong)],
  ]
}

/** Compares every task that must be stored with every task that is, both ways. */
async function countLost(postgres: BenchPostgres, target: Target, visitors: readonly Visitor[]) {
  const rows = await postgres.query<{ id: string; owner: string; state: string }>(
    `select id::text, user_id as owner, concat_ws(' ', completed::text, title) as state
      from tasks where user_id like $1`,
    [`visitor-${target.name}-%`],
  )
  const found = new Map(rows.map(({ id, owner, state }) => [id, `${owner} ${state}`]))
  const expected = visitors.flatMap(({ userId, expected }) =>
    [...expected].map(([id, { title, completed }]) => [id, `${userId} ${completed} ${title}`]),
  )
  const unlike = expected.filter(([id, state]) => found.get(id ?? '') !== state).length
  const known = new Set(expected.map(([id]) => id))
  const unexpected = rows.filter(({ id }) => !known.has(id)).length
  return { stored: expected.length, wrong: unlike + unexpected }
}
