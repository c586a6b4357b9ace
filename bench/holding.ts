import { measureOperation } from '#bench/compare'
import type { BenchRequest } from '#bench/connection'
import { type BenchUser, loadData } from '#bench/data'
import { median } from '#bench/measure'
import { type Operation, operations } from '#bench/operations'
import type { Options } from '#bench/options'
import type { Rig } from '#bench/rig'
import { counting, type Target } from '#bench/servers'
import { toTable } from '#bench/tables'

const requests = 400
const measured = ['read', 'list', 'create', 'toggle']

/**
 * How long a request holds a connection, where nobody else asks; and what it costs a read to be
 * counted against its user's rate limit.
 */
export async function measureHolding(rig: Rig, options: Options): Promise<string> {
  const node = rig.targets.find(({ name }) => name === 'node')
  if (node === undefined) throw new Error('The Node host is needed: take it into --only.')
  const [plain, counted] = [withSettings(node, {}), withSettings(node, counting)]
  const data = await loadData(rig.postgres, 1000, 200)
  const reads = operations.filter(({ name }) => name === 'read')
  const rows: string[][] = []
  for (const operation of operations.filter(({ name }) => measured.includes(name))) {
    const isRead = reads.includes(operation)
    const targets = isRead ? [plain, counted] : [plain]
    // Both answer reads for a while first, so that neither is measured cold.
    const costs = isRead ? await measureOperation(rig, options, operation, targets, data) : []
    for (const target of targets) {
      const found = costs.find((result) => result.target === target)?.median
      const heldMs = await holdingMs(rig, target, operation, data)
      rows.push([
        `${operation.title}${target === counted ? ', counted' : ''}`,
        heldMs.toFixed(2),
        ...[found?.serverMs.toFixed(3) ?? '', found?.postgresMs.toFixed(3) ?? ''],
      ])
    }
  }
  return `Median of ${requests} requests on the Node host, one after the other; commits reach the disk. What a read costs more where \`RATE_LIMIT\` counts it is added to every request.\n\n${toTable(['operation', 'connection ms', 'CPU ms/request', 'in Postgres'], rows)}`
}

function withSettings(target: Target, settings: Record<string, string>): Target {
  const name = ['holding', ...Object.keys(settings)].join(' ')
  const env = { ...target.server.env, SERVER_TIMING: 'true', ...settings }
  return { ...target, name, server: { ...target.server, name, env } }
}

/** The database's part of `Server-Timing`: from asking for a connection, which is free, to the rows. */
async function holdingMs(rig: Rig, target: Target, operation: Operation, data: BenchUser[]) {
  const { url } = await rig.running(target)
  const next = await operation.prepare(data, url)
  if (next === undefined) throw new Error(`${target.name} does not serve ${operation.name}.`)
  const times: number[] = []
  for (let sent = 0; sent < requests; sent += 1) times.push(await databaseMs(url, next()))
  return median(times)
}

async function databaseMs(url: string, { path, ...request }: BenchRequest) {
  const response = await fetch(url + path, request)
  await response.text()
  const [, ms] = /\bdb;dur=([\d.]+)/.exec(response.headers.get('server-timing') ?? '') ?? []
  if (ms === undefined)
    throw new Error(`${request.method} ${path} gave ${response.status} and no time.`)
  return Number(ms)
}
