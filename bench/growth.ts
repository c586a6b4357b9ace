import { measureOperation, type Result, warmUp } from '#bench/compare'
import { loadData } from '#bench/data'
import { listOf50, readOne } from '#bench/operations'
import type { Options } from '#bench/options'
import type { Rig } from '#bench/rig'
import { figure, toTable, whole } from '#bench/tables'

const tasksEach = 100
const tableSizes = [100, 10_000, 1_000_000]
const connectionCounts = [1, 64, 256, 1000]

/** How the service fares with a growing table and with more connections, in a table each. */
export async function grow(rig: Rig, options: Options): Promise<string[]> {
  return [await growTable(rig, options), await growConnections(rig, options)]
}

/** Read and list on the Node host. */
async function growTable(rig: Rig, options: Options): Promise<string> {
  const targets = rig.targets.filter(({ name }) => name === 'node')
  const rows: string[][] = []
  for (const size of tableSizes) {
    const data = await loadData(rig.postgres, size / tasksEach, tasksEach)
    if (size === tableSizes[0]) await warmUp(rig, options, data)
    for (const operation of [readOne, listOf50]) {
      const results = await measureOperation(rig, options, operation, targets, data)
      rows.push(...results.map((result) => [whole(size), operation.title, ...figures(result)]))
    }
  }
  return toTable(['tasks in the table', 'operation', ...columns], rows)
}

/** Read one, with the peers side by side. */
async function growConnections(rig: Rig, options: Options): Promise<string> {
  const targets = rig.targets.filter(({ name, constant }) => name !== 'node-counting' && !constant)
  const data = await loadData(rig.postgres, 1000, 20)
  const all = { ...options, connections: connectionCounts }
  const results = await measureOperation(rig, all, readOne, targets, data)
  const rows = results.map((result) => [
    ...[result.target.title, whole(result.connections), ...figures(result)],
  ])
  return toTable(['server', 'connections', ...columns], rows)
}

const columns = ['requests/s', 'p50 ms', 'p95 ms', 'p99 ms', 'CPU ms/request', 'memory MiB']

function figures({ median }: Result): string[] {
  const { perSecond, p50, p95, p99, serverMs, memoryMb } = median
  return [
    ...[whole(perSecond), figure(p50), figure(p95), figure(p99)],
    ...[serverMs.toFixed(3), whole(memoryMb)],
  ]
}
