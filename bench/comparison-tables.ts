import type { Result } from '#bench/compare'
import type { Measurement } from '#bench/measure'
import { figure, percent, ratio, toTable, whole } from '#bench/tables'

const bases = {
  fastapi: 'FastAPI',
  fastify: '`pg`',
  'fastify-postgresjs': '`postgres`',
  base: 'base',
}

/** One table an operation, with ratios of throughput against those of the peers that ran. */
export function operationTables(results: readonly Result[]): string {
  return groupsOf(results)
    .map(([title, rows]) => `### ${capitalised(title)}\n\n${operationTable(rows)}`)
    .join('\n\n')
}

/** What was measured side by side: an operation, with a number of connections where there are several. */
function groupsOf(results: readonly Result[]) {
  const [first] = results
  const isOne = results.every(({ connections }) => connections === first?.connections)
  return [
    ...Map.groupBy(results, ({ operation: { title }, connections }) =>
      isOne ? title : `${title}, ${connections} connections`,
    ),
  ]
}

function operationTable(results: readonly Result[]): string {
  const against = Object.entries(bases).flatMap(([name, title]) => {
    const base = results.find(({ target }) => target.name === name)?.median
    return base === undefined ? [] : [{ title: `× ${title}`, perSecond: base.perSecond }]
  })
  const head = [
    ...['server', 'requests/s', 'spread', ...against.map(({ title }) => title)],
    ...['p50 ms', 'p95 ms', 'p99 ms', 'CPU ms/request', 'in Postgres', 'memory MiB', 'core in use'],
  ]
  const rows = results.map(({ target, median: figures, rounds }) => {
    const { perSecond, p50, p95, p99, serverMs, postgresMs, memoryMb, busy } = figures
    return [
      ...[target.title, whole(perSecond), spreadOf(rounds)],
      ...against.map((base) => ratio(perSecond, base.perSecond)),
      ...[figure(p50), figure(p95), figure(p99), serverMs.toFixed(3)],
      ...[target.constant ? '' : postgresMs.toFixed(3), whole(memoryMb), percent(busy)],
    ]
  })
  return toTable(head, rows)
}

/** CPU ms of every server, and in Postgres, for a request. */
export function cpuTable(results: readonly Result[]): string {
  const servers = [...new Set(results.map(({ target }) => target))]
  const rows = groupsOf(results).map(([title, group]) => {
    const costs = servers.map((server) => group.find(({ target }) => target === server)?.median)
    return [title, ...costs.map((one) => (one === undefined ? '' : cpuOf(one)))]
  })
  const head = ['CPU ms, server + Postgres', ...servers.map(({ title }) => title)]
  return toTable(head, rows)
}

const cpuOf = ({ serverMs, postgresMs }: Measurement) =>
  `${serverMs.toFixed(3)} + ${postgresMs.toFixed(3)}`

/** From the slowest to the fastest round, as a share of the median. */
function spreadOf(rounds: readonly Measurement[]): string {
  const rates = rounds.map(({ perSecond }) => perSecond).toSorted((one, other) => one - other)
  const middle = rates[rates.length >> 1] ?? Number.NaN
  return percent(((rates.at(-1) ?? middle) - (rates[0] ?? middle)) / middle)
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
