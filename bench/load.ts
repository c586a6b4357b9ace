import { Connection } from '#bench/connection'
import { percentilesOf } from '#bench/measure'
import type { Options } from '#bench/options'
import type { BenchPostgres } from '#bench/postgres'
import { cpuMsOf } from '#bench/processes'
import type { Rig } from '#bench/rig'
import type { Target } from '#bench/servers'
import { figure, percent, toTable, whole } from '#bench/tables'
import { type Visit, visit } from '#bench/visitor'

const columns = [
  ...['server', 'users', 'pause s', 'requests', 'requests/s'],
  ...['p50 ms', 'p95 ms', 'p99 ms', 'errors'],
  ...['CPU ms/request', 'in Postgres', 'core in use', 'tasks to be stored', 'lost or wrong'],
]

/**
 * Seconds between an answer and the user's next request: as fast as can be, which also warms the
 * server up, and as a person works.
 */
const pauses = [0, 1]

/**
 * Lets a thousand users work at once on each host, first without a pause between one request and
 * the next and then with one, and counts afterwards what the database holds of what they were told
 * is stored.
 */
export async function load(rig: Rig, { load: { users, seconds } }: Options): Promise<string> {
  const rows: string[][] = []
  for (const pause of pauses) {
    for (const target of rig.targets.filter(({ name }) => name === 'node' || name === 'next')) {
      rows.push(await loadTarget(rig, target, users, seconds, pause))
    }
  }
  const described = `${whole(users)} users at once for ${seconds} s. With a pause of a second, a p95 under 500 ms is aimed at.`
  return `${described}\n\n${toTable(columns, rows)}`
}

/** The row of one host. */
async function loadTarget(
  rig: Rig,
  target: Target,
  users: number,
  seconds: number,
  pause: number,
): Promise<string[]> {
  const { postgres } = rig
  const name = `visitor-${target.name}-${pause}`
  const { url, pid } = await rig.running(target)
  const lines = Array.from({ length: users }, () => new Connection(url))
  const [server, ofPostgres, start] = [cpuMsOf(pid), cpuMsOf(postgres.pid), performance.now()]
  const visits = await Promise.all(
    lines.map((line, index) =>
      visit(`${name}-${index}`, line, start + seconds * 1000, pause * 1000),
    ),
  )
  const elapsedMs = performance.now() - start
  const serverMs = cpuMsOf(pid) - server
  const postgresMs = cpuMsOf(postgres.pid) - ofPostgres
  await Promise.all(lines.map((line) => line.close()))

  const faults = visits.flatMap(({ faults }) => faults)
  for (const [fault, same] of Map.groupBy(faults, String)) console.log(`${same.length} × ${fault}`)
  const latencies = visits.flatMap(({ latencies }) => latencies)
  const requests = latencies.length
  const { p50, p95, p99 } = percentilesOf(latencies)
  const { stored, wrong } = await countLost(postgres, name, visits)
  return [
    ...[target.title, whole(users), whole(pause)],
    ...[whole(requests), whole((requests / elapsedMs) * 1000)],
    ...[figure(p50), figure(p95), figure(p99), whole(faults.length)],
    ...[(serverMs / requests).toFixed(3), (postgresMs / requests).toFixed(3)],
    ...[percent(serverMs / elapsedMs), whole(stored), whole(wrong)],
  ]
}

/** Compares every task that must be stored with every task that is, both ways. */
async function countLost(postgres: BenchPostgres, name: string, visits: readonly Visit[]) {
  const rows = await postgres.query<{ id: string; state: string }>(
    `select id::text, concat_ws(' ', user_id, completed::text, title) as state
      from tasks where user_id like $1`,
    [`${name}-%`],
  )
  const found = new Map(rows.map(({ id, state }) => [id, state]))
  const expected = new Map(
    visits.flatMap(({ userId, expected }) =>
      [...expected].map(([id, { title, completed }]) => [id, `${userId} ${completed} ${title}`]),
    ),
  )
  const lost = [...expected].filter(([id, state]) => found.get(id) !== state).length
  const unexpected = rows.filter(({ id }) => !expected.has(id)).length
  return { stored: expected.size, wrong: lost + unexpected }
}
