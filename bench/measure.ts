import { type BenchRequest, Connection } from '#bench/connection'
import { cpuMsOf, memoryMbOf } from '#bench/processes'
import type { RunningServer } from '#bench/running'

/** What one slot of one server showed. */
export interface Measurement {
  readonly perSecond: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  /** CPU time of the server per request. */
  readonly serverMs: number
  /** CPU time of all Postgres processes per request. */
  readonly postgresMs: number
  readonly memoryMb: number
  /** Share of one core that the server used: well below 1, something else was the limit. */
  readonly busy: number
}

export interface Slot {
  readonly server: RunningServer
  readonly postgresPid: number
  readonly connections: number
  readonly seconds: number
  readonly status: number
  readonly next: () => BenchRequest
}

/**
 * Sends requests on every connection, each as soon as the one before is answered, for a while.
 *
 * @throws for an answer with another status, or a broken connection
 */
export async function measure(slot: Slot): Promise<Measurement> {
  const { url, pid } = slot.server
  const connections = Array.from({ length: slot.connections }, () => new Connection(url))
  try {
    // The first answer on each is not counted: it includes opening the connection.
    await Promise.all(connections.map((connection) => sendChecked(connection, slot)))
    const latencies: number[] = []
    const [server, postgres] = [cpuMsOf(pid), cpuMsOf(slot.postgresPid)]
    const start = performance.now()
    const end = start + slot.seconds * 1000
    await Promise.all(
      connections.map(async (connection) => {
        for (let sentAt = start; sentAt < end; ) {
          await sendChecked(connection, slot)
          const answeredAt = performance.now()
          latencies.push(answeredAt - sentAt)
          sentAt = answeredAt
        }
      }),
    )
    const elapsedMs = performance.now() - start
    const serverMs = cpuMsOf(pid) - server
    const postgresMs = cpuMsOf(slot.postgresPid) - postgres
    const count = latencies.length
    return {
      ...{ perSecond: count / (elapsedMs / 1000), ...percentilesOf(latencies) },
      ...{ serverMs: serverMs / count, postgresMs: postgresMs / count },
      ...{ memoryMb: memoryMbOf(pid), busy: serverMs / elapsedMs },
    }
  } finally {
    await Promise.all(connections.map((connection) => connection.close()))
  }
}

async function sendChecked(connection: Connection, { next, status }: Slot): Promise<void> {
  const request = next()
  const answer = await connection.send(request)
  if (answer.status === status) return
  const { method, path } = request
  throw new Error(`${method} ${path} gave ${answer.status}, not ${status}: ${answer.text}`)
}

/** What half, 95 and 99 in a hundred of the values stay below. Sorts the values where they are. */
export function percentilesOf(values: number[]): { p50: number; p95: number; p99: number } {
  values.sort((one, other) => one - other)
  const of = (share: number) => values[Math.floor(values.length * share)] ?? Number.NaN
  return { p50: of(0.5), p95: of(0.95), p99: of(0.99) }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

/** The median of each figure over several rounds. */
export function medianOf(rounds: readonly Measurement[]): Measurement {
  const of = (name: keyof Measurement) => median(rounds.map((round) => round[name]))
  return {
    ...{ perSecond: of('perSecond'), p50: of('p50'), p95: of('p95'), p99: of('p99') },
    ...{ serverMs: of('serverMs'), postgresMs: of('postgresMs') },
    ...{ memoryMb: of('memoryMb'), busy: of('busy') },
  }
}
