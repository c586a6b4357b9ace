import { Connection } from '#bench/connection'
import { percentiles } from '#bench/measure'
import type { Options } from '#bench/options'
import type { BenchPostgres } from '#bench/postgres'
import { cpuMsOf } from '#bench/processes'
import type { Rig } from '#bench/rig'
import type { Target } from '#bench/servers'
import { figure, percent, toTable, whole } from '#bench/tables'
import { Visitor } from '#bench/visitor'

/** What a host showed while users worked on it. */
export interface Loaded {
  readonly target: Target
  readonly requests: number
  readonly perSecond: number
  readonly latencies: number[]
  readonly faults: number
  /** Tasks that the users were told are stored, and how many of them are not, or otherwise. */
  readonly stored: number
  readonly wrong: number
  /** CPU time per request: of the server, of all Postgres processes, of this program. */
  readonly serverMs: number
  readonly postgresMs: number
  readonly generatorMs: number
  /** How many tasks a list had, on average. */
  readonly listLength: number
}

/**
 * Lets a thousand users work at once, without a pause between one request and the next, on each
 * host, and counts afterwards what the database holds of what they were told is stored.
 */
export async function load(rig: Rig, options: Options): Promise<string> {
  const loaded: Loaded[] = []
  for (const target of loadTargets(rig)) loaded.push(await loadTarget(rig, options, target))
  const head = [
    ...['server', 'users', 'requests', 'requests/s', 'p50 ms', 'p95 ms', 'p99 ms', 'errors'],
    ...['CPU ms/request', 'in Postgres', 'core in use', 'tasks to be stored', 'lost or wrong'],
  ]
  const rows = loaded.map((one) => {
    const { target, latencies, serverMs, postgresMs, perSecond } = one
    const times = percentiles(latencies, [0.5, 0.95, 0.99]).map(figure)
    return [
      ...[target.title, whole(options.connections), whole(one.requests), whole(perSecond)],
      ...[...times, whole(one.faults), serverMs.toFixed(3), postgresMs.toFixed(3)],
      ...[percent((perSecond * serverMs) / 1000), whole(one.stored), whole(one.wrong)],
    ]
  })
  return `${whole(options.connections)} users at once for ${options.seconds} s\n\n${toTable(head, rows)}`
}

/** The hosts that users work on. */
export function loadTargets({ targets }: Rig): Target[] {
  return targets.filter(({ name }) => name === 'node' || name === 'next')
}

/** Lets users work on one host. */
export async function loadTarget(
  { postgres, running }: Rig,
  { connections, seconds }: Pick<Options, 'connections' | 'seconds'>,
  target: Target,
): Promise<Loaded> {
  const { url, pid } = await running(target)
  const lines = Array.from({ length: connections }, () => new Connection(url))
  const visitors = lines.map((line, index) => new Visitor(`visitor-${target.name}-${index}`, line))
  const cpu = () => [cpuMsOf(pid), cpuMsOf(postgres.pid), ownCpuMs()] as const
  const [server, ofPostgres, own] = cpu()
  const start = performance.now()
  await Promise.all(visitors.map((visitor) => visitor.workUntil(start + seconds * 1000)))
  const elapsedSeconds = (performance.now() - start) / 1000
  const [serverAfter, ofPostgresAfter, ownAfter] = cpu()
  await Promise.all(lines.map((line) => line.close()))

  const faults = visitors.flatMap((visitor) => visitor.faults)
  for (const [fault, same] of Map.groupBy(faults, String)) console.log(`${same.length} × ${fault}`)
  const latencies = visitors.flatMap((visitor) => visitor.latencies)
  const requests = latencies.length
  const lengths = visitors.flatMap((visitor) => visitor.listLengths)
  return {
    ...{ target, requests, latencies, perSecond: requests / elapsedSeconds, faults: faults.length },
    ...(await countLost(postgres, target, visitors)),
    serverMs: (serverAfter - server) / requests,
    postgresMs: (ofPostgresAfter - ofPostgres) / requests,
    generatorMs: (ownAfter - own) / requests,
    listLength: lengths.reduce((sum, length) => sum + length, 0) / lengths.length,
  }
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
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
