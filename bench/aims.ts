import type { Result } from '#bench/compare'
import type { Measurement } from '#bench/measure'
import { toTable } from '#bench/tables'

type Cost = (measurement: Measurement) => number

const server: Cost = ({ serverMs }) => serverMs
const serverAndPostgres: Cost = ({ serverMs, postgresMs }) => serverMs + postgresMs
const time: Cost = ({ perSecond }) => 1 / perSecond

/** What a request shall cost another row at least, as many times as it costs ours. */
interface Aim {
  readonly what: string
  readonly ours: string
  readonly theirs: string
  readonly cost: Cost
  /** By operation. */
  readonly least: Readonly<Record<string, number>>
  /** What theirs is asked for where it is not the same operation. */
  readonly theirOperations?: Readonly<Record<string, string>>
}

const byCpu = { ours: 'node', cost: server }
const byThroughput = { ours: 'node', cost: time }
const each = (least: number) => ({ read: least, list: least, create: least, toggle: least })
const counted = { ours: 'node-counting', theirs: 'node', least: each(0.9) }

/** What is refused, and the same request without its mistake. */
const rightRequests = {
  refused: 'read',
  missing: 'read',
  stale: 'toggle',
  invalid: 'create',
  limited: 'read',
}

const aims: readonly Aim[] = [
  {
    ...{ ...byCpu, what: 'Node host against Fastify with `pg`', theirs: 'fastify' },
    least: { read: 1.15, list: 1.1, create: 1, toggle: 1.1, unchanged: 1, refused: 1 },
  },
  {
    ...{ ...byCpu, what: 'Node host against Fastify with `postgres`' },
    ...{ theirs: 'fastify-postgresjs' },
    least: { read: 0.8, list: 0.95, create: 0.75, toggle: 0.75 },
  },
  {
    ...{ ours: 'node', cost: serverAndPostgres, theirs: 'fastify', least: each(1) },
    what: 'the same with Postgres, Fastify with `pg`',
  },
  {
    ...{ ours: 'node', cost: serverAndPostgres, theirs: 'fastify-postgresjs', least: each(0.7) },
    what: 'the same with Postgres, Fastify with `postgres`',
  },
  { ...counted, what: '`RATE_LIMIT` on against off', cost: server },
  { ...counted, what: 'the same with Postgres', cost: serverAndPostgres },
  {
    ...{ ...byThroughput, what: 'Node host against FastAPI, requests/s', theirs: 'fastapi' },
    least: { read: 8, list: 12, create: 8, toggle: 8 },
  },
  {
    ...{ what: 'a right request against', ours: 'node', theirs: 'node', cost: serverAndPostgres },
    ...{ theirOperations: rightRequests, least: { refused: 1, missing: 1, stale: 1, invalid: 1 } },
  },
  {
    ...{ what: 'a right request with `RATE_LIMIT` against', cost: serverAndPostgres },
    ...{ ours: 'node-counting', theirs: 'node-counting' },
    ...{ theirOperations: rightRequests, least: { limited: 1 } },
  },
  {
    ...{ what: 'Next host against FastAPI, requests/s', ours: 'next', theirs: 'fastapi' },
    ...{ cost: time, least: { ...each(1.3), unchanged: 1.3, refused: 1.3 } },
  },
]

/** What was aimed at, beside what this run shows; only what it measured. */
export function aimsTable(results: readonly Result[]): string {
  const counts = [...new Set(results.map(({ connections }) => connections))]
  const find = (target: string, operation: string, connections: number) =>
    results.find(
      (one) =>
        one.target.name === target &&
        one.operation.name === operation &&
        one.connections === connections,
    )?.median

  const rows = aims.flatMap(({ what, ours, theirs, cost, least, theirOperations }) =>
    Object.entries(least).flatMap(([operation, ratio]) => {
      const values = counts.map((connections) => {
        const our = find(ours, operation, connections)
        const their = find(theirs, theirOperations?.[operation] ?? operation, connections)
        return our && their && cost(their) / cost(our)
      })
      const measured = values.filter((value) => value !== undefined)
      if (measured.length === 0) return []
      const title = results.find((one) => one.operation.name === operation)?.operation.title
      const shown = values.map((value) => value?.toFixed(2) ?? '')
      const isMet = measured.every((value) => value >= ratio)
      return [[`${what}, ${title}`, `≥ ${ratio}`, ...shown, isMet ? 'yes' : 'no']]
    }),
  )
  const measured = counts.length === 1 ? ['measured'] : counts.map((one) => `${one} connections`)
  const explained =
    'CPU time of the server for a request, theirs over ours, where nothing else is said.'
  return `${explained}\n\n${toTable(['aim', 'aimed at', ...measured, 'met'], rows)}`
}
