import type { Capacity } from '#bench/capacity'
import { whole } from '#bench/tables'

/** As Neon's documentation has them; a compute unit is taken for a core. Sources: docs/scaling.md. */
export const neon = { scalesToUnits: 16, largestUnits: 56 }
const defaultPoolSize = 10
/** Postgres' own default for `max_connections` is 100, of which it keeps some for itself. */
const postgresConnections = 97
/** Beyond it, vacuum and index builds of one table are a matter of hours rather than minutes. */
const largeGigabytes = 100

/** What a load runs into that more of the same does not answer. */
export type Limit =
  | { readonly of: 'processes'; readonly processes: number }
  | {
      readonly of: 'connections'
      readonly processes: number
      readonly opened: number
      /** A pool of this size in each process would do. */
      readonly least: number
    }
  | { readonly of: 'scaling Postgres' | 'Postgres' }
  | { readonly of: 'size'; readonly gigabytes: number }

export function limitsOf({
  serviceCores,
  postgresCores,
  connections,
  storageGigabytes,
}: Capacity): Limit[] {
  const processes = Math.ceil(serviceCores)
  const opened = processes * defaultPoolSize
  const found: Limit[] = []
  if (processes > 1) found.push({ of: 'processes', processes })
  if (opened > postgresConnections) {
    const least = Math.ceil(connections / processes)
    found.push({ of: 'connections', processes, opened, least })
  }
  if (postgresCores > neon.largestUnits) found.push({ of: 'Postgres' })
  else if (postgresCores > neon.scalesToUnits) found.push({ of: 'scaling Postgres' })
  if (storageGigabytes > largeGigabytes) found.push({ of: 'size', gigabytes: storageGigabytes })
  return found
}

/** A limit in words, and what answers it. */
export function explainLimit(limit: Limit): string {
  switch (limit.of) {
    case 'processes':
      return `${whole(limit.processes)} service processes: WORKERS, or machines.`
    case 'connections':
      return `Connections: ${whole(limit.processes)} processes with DATABASE_POOL_SIZE=${defaultPoolSize} open up to ${whole(limit.opened)}, and Postgres takes ${postgresConnections} by default. ${limit.least} for each process would do: set it to ${Math.max(2, limit.least)}, or put PgBouncer between.`
    case 'Postgres':
      return `Postgres: more cores than the largest Neon compute has units (${neon.largestUnits}). Reads to replicas, or users over several databases (Citus).`
    case 'scaling Postgres':
      return `Postgres: more cores than a Neon compute scales to by itself (${neon.scalesToUnits} units): one of fixed size, up to ${neon.largestUnits}.`
    case 'size':
      return `Size: ${whole(limit.gigabytes)} GB in one table. Partitions by user_id.`
  }
}
