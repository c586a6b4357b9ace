import { checkAnswers, deleteCreated } from '#bench/agree'
import { type BenchUser, loadData } from '#bench/data'
import { type Measurement, measure, medianOf } from '#bench/measure'
import { type Operation, operations, readOne } from '#bench/operations'
import type { Options } from '#bench/options'
import { chosen, type Rig } from '#bench/rig'
import type { Target } from '#bench/servers'

export interface Result {
  readonly operation: Operation
  readonly target: Target
  readonly connections: number
  readonly median: Measurement
  readonly rounds: readonly Measurement[]
}

const users = 1000
const tasksEach = 200

/** What was done, for the reader of the tables. */
export function describeRun(options: Options): string {
  const { rounds, seconds, connections, commitMs, networkMs } = options
  const commits = commitMs === undefined ? '' : `; commits take ${commitMs} ms and more`
  const network = networkMs ? `; round trips to Postgres of ${networkMs.join(' and then ')} ms` : ''
  return `${users} users with ${tasksEach} tasks each; ${connections.join(', ')} connections; median of ${rounds} rounds of ${seconds} s, the servers taking turns in each${network}${commits}`
}

/** Measures every operation on every target, in alternating rounds. */
export async function compare(rig: Rig, options: Options): Promise<Result[]> {
  const data = await loadData(rig.postgres, users, tasksEach)
  for (const target of rig.targets) {
    const { url } = await rig.running(target)
    if (target.constant === true) continue
    await checkAnswers(url, rig.postgres, data).catch((cause) => {
      throw new Error(`${target.name} does not answer as the database says it must.`, { cause })
    })
  }
  console.log('Every server gives the same answers.')
  await warmUp(rig, options, data)
  const results: Result[] = []
  for (const operation of chosen(operations, options.only)) {
    const targets = rig.targets.filter(
      (target) => operation.isFor(target) && (!target.constant || operation.name === 'read'),
    )
    for (const connections of options.connections) {
      results.push(...(await measureWith(rig, options, connections, operation, targets, data)))
    }
  }
  return results
}

/** Lets V8 compile what is hot: what a server needs for a request goes down by half with it. */
async function warmUp(rig: Rig, options: Options, data: readonly BenchUser[]) {
  const only = { ...options, rounds: 0, warmUpSeconds: options.firstWarmUpSeconds }
  await measureWith(rig, only, 64, readOne, rig.targets, data)
}

/** Measures one operation on these targets, in alternating rounds, after a round to warm up. */
async function measureWith(
  rig: Rig,
  options: Options,
  connections: number,
  operation: Operation,
  targets: readonly Target[],
  data: readonly BenchUser[],
): Promise<Result[]> {
  const { postgres } = rig
  const rounds = new Map<Target, Measurement[]>(targets.map((target) => [target, []]))
  for (let round = 0; round <= options.rounds; round += 1) {
    const isWarmUp = round === 0
    // Each round begins with another server, so that none is always the first.
    const start = round % Math.max(1, targets.length)
    for (const target of [...targets.slice(start), ...targets.slice(0, start)]) {
      const server = await rig.running(target)
      const next = await operation.prepare(data, server.url)
      const seconds = isWarmUp ? options.warmUpSeconds : options.seconds
      rig.network?.begin(seconds)
      const measurement = await measure({
        ...{ server, postgresPid: postgres.pid, status: operation.status },
        ...{ connections, seconds, next },
      })
      if (!isWarmUp) rounds.get(target)?.push(measurement)
      if (!operation.writes) continue
      // Whoever comes after a server that wrote finds the table as that server found it.
      await deleteCreated(postgres)
      await postgres.query('vacuum (analyze) tasks')
    }
    if (isWarmUp) continue
    console.log(
      `${operation.title}, ${connections} connections: round ${round} of ${options.rounds}`,
    )
  }
  return [...rounds].map(([target, measured]) => ({
    ...{ operation, target, connections, rounds: measured, median: medianOf(measured) },
  }))
}
