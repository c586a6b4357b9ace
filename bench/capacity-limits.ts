import type { Capacity } from '#bench/capacity'
import { whole } from '#bench/tables'

/** As Neon's documentation has them; a compute unit is taken for a core. Sources: docs/scaling.md. */
export const neon = { scalesToUnits: 16, largestUnits: 56 }
const defaultPoolSize = 10
/** Postgres' own default for `max_connections` is 100, of which it keeps some for itself. */
const postgresConnections = 97
/** Beyond it, vacuum and index builds of one table are a matter of hours rather than minutes. */
const largeGigabytes = 100

/** What such a load runs into that more of the same does not answer, and what does. */
export function limitsOf({
  serviceCores,
  postgresCores,
  connections,
  storageGigabytes,
}: Capacity): string[] {
  const processes = Math.ceil(serviceCores)
  const opened = processes * defaultPoolSize
  const found: string[] = []
  if (processes > 1) found.push(`${whole(processes)} service processes: WORKERS, or machines.`)
  if (opened > postgresConnections) {
    const least = Math.ceil(connections / processes)
    found.push(
      `Connections: ${whole(processes)} processes with DATABASE_POOL_SIZE=${defaultPoolSize} open up to ${whole(opened)}, and Postgres takes ${postgresConnections} by default. ${least} for each process would do: set it to ${Math.max(2, least)}, or put PgBouncer between.`,
    )
  }
  if (postgresCores > neon.largestUnits) {
    found.push(
      `Postgres: more cores than the largest Neon compute has units (${neon.largestUnits}). Reads to replicas, or users over several databases (Citus).`,
    )
  } else if (postgresCores > neon.scalesToUnits) {
    found.push(
      `Postgres: more cores than a Neon compute scales to by itself (${neon.scalesToUnits} units): one of fixed size, up to ${neon.largestUnits}.`,
    )
  }
  if (storageGigabytes > largeGigabytes) {
    found.push(`Size: ${whole(storageGigabytes)} GB in one table. Partitions by user_id.`)
  }
  return found
}
