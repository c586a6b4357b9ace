import type { Result } from './compare.ts'
import type { Measurement } from './measure.ts'
import { figure, percent, ratio, toTable, whole } from './tables.ts'

/** One table an operation, with ratios of throughput against FastAPI and Fastify. */
export function operationTables(results: readonly Result[]): string {
  return [...Map.groupBy(results, ({ operation }) => operation)]
    .map(([{ title }, rows]) => `### ${capitalised(title)}\n\n${operationTable(rows)}`)
    .join('\n\n')
}

const head = [
  ...['server', 'requests/s', 'spread', '× FastAPI', '× Fastify', 'p50 ms', 'p95 ms', 'p99 ms'],
  ...['CPU ms/request', 'in Postgres', 'memory MiB', 'core in use'],
]

function operationTable(results: readonly Result[]): string {
  const median = (name: string) => results.find(({ target }) => target.name === name)?.median
  const fastapi = median('fastapi')
  const fastify = median('fastify')
  return toTable(
    head,
    results.map(({ target, median: figures, rounds }) => {
      if (figures === undefined) return [target.title, 'not served']
      const { perSecond, p50, p95, p99, serverMs, postgresMs, memoryMb, busy } = figures
      return [
        ...[target.title, whole(perSecond), spreadOf(rounds)],
        ...[ratio(perSecond, fastapi?.perSecond), ratio(perSecond, fastify?.perSecond)],
        ...[figure(p50), figure(p95), figure(p99), serverMs.toFixed(3)],
        ...[target.constant ? '' : postgresMs.toFixed(3), whole(memoryMb), percent(busy)],
      ]
    }),
  )
}

/**
 * How many times as much CPU the peers need for a request: of the server alone, and of the server
 * and Postgres together, since work may be moved from one to the other.
 */
export function cpuRatios(results: readonly Result[]): string {
  const pairs = [
    ...[['node', 'fastapi'] as const, ['node', 'fastify'] as const],
    ...[['next', 'fastapi'] as const, ['next-origin', 'fastapi'] as const],
  ]
  const rows = [...Map.groupBy(results, ({ operation }) => operation)].map(([{ title }, group]) => {
    const median = (name: string) => group.find(({ target }) => target.name === name)?.median
    return [title].concat(
      pairs.flatMap(([ours, theirs]) => {
        const [less, more] = [median(ours), median(theirs)]
        return [ratio(more?.serverMs, less?.serverMs), ratio(allMs(more), allMs(less))]
      }),
    )
  })
  const against = ['Node, FastAPI', 'Node, Fastify', 'Next, FastAPI', '`Origin`, FastAPI']
  const head = against.flatMap((pair) => [pair, 'with Postgres'])
  return toTable(['operation', ...head], rows)
}

function allMs(measurement: Measurement | undefined): number | undefined {
  return measurement && measurement.serverMs + measurement.postgresMs
}

/** From the slowest to the fastest round, as a share of the median. */
function spreadOf(rounds: readonly Measurement[]): string {
  const rates = rounds.map(({ perSecond }) => perSecond).toSorted((one, other) => one - other)
  const middle = rates[rates.length >> 1] ?? Number.NaN
  return percent(((rates.at(-1) ?? middle) - (rates[0] ?? middle)) / middle)
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
