import { type Cost, requestsPerSecondOf } from '#bench/capacity'
import { measureOperation, warmUp } from '#bench/compare'
import { type BenchUser, loadData } from '#bench/data'
import {
  cpuTitle,
  type Host,
  heldHeading,
  postgresTitle,
  readCost,
  readGeneratorMs,
  readMeasured,
} from '#bench/figures'
import { type Loaded, loadTarget, loadTargets } from '#bench/load'
import { operations } from '#bench/operations'
import type { Options } from '#bench/options'
import { chosen, type Rig } from '#bench/rig'
import { poolSize } from '#bench/servers'
import { percent, ratio, toTable, whole } from '#bench/tables'
import { type Waits, watchWaits } from '#bench/waits'

const connections = 1000

/**
 * Lets the load test's users work on each host, and compares what they got with what the model
 * makes of the figures on the pages.
 */
export async function holdAgainstLoad(rig: Rig, options: Options): Promise<string> {
  const seconds = options.quick ? 5 : 30
  const data = await loadData(rig.postgres, 1000, 200)
  await warmUp(rig, options, data)
  const reads = await repeatReads(rig, options, data)
  const loaded: Loaded[] = []
  const sentences: string[] = []
  for (const target of loadTargets(rig)) {
    const working = loadTarget(rig, { connections, seconds }, target)
    const { result, waits } = await watchWaits(rig.postgres, working)
    loaded.push(result)
    sentences.push(sentenceOf(result, waits))
  }
  const head = ['server', 'figure', 'predicted', 'measured', 'measured / predicted']
  const run = `${whole(connections)} users without a pause for ${seconds} s on each host`
  const lists = loaded.map(({ listLength }) => Math.round(listLength)).join(' and ')
  return [
    `### ${heldHeading}`,
    `${run}; a list had ${lists} tasks on average.`,
    toTable(
      head,
      loaded.flatMap((one) => [
        ...reads.filter(([title]) => title === one.target.title),
        ...rowsOf(one, rig),
      ]),
    ),
    ...sentences,
  ].join('\n\n')
}

/**
 * A read as it was measured for the pages, and the same with as many connections as there will be
 * users: so far the machine of this day and the connections alone carry the figures away.
 */
async function repeatReads(rig: Rig, options: Options, data: readonly BenchUser[]) {
  const rows: string[][] = []
  for (const operation of chosen(operations, ['read'])) {
    for (const many of [64, connections]) {
      const once = { ...options, rounds: 1, connections: many }
      for (const result of await measureOperation(rig, once, operation, loadTargets(rig), data)) {
        const { name, title } = result.target
        const expected = readMeasured(name as Host).serviceMs
        const found = result.median?.serverMs ?? Number.NaN
        const figures = [ms(expected), ms(found), ratio(found, expected)]
        rows.push([title, `CPU ms/read, ${whole(many)} connections`, ...figures])
      }
    }
  }
  return rows
}

/** One core for the service; another for Postgres and, on two cores, the generator. */
function predict(loaded: Loaded, { cores }: Rig): Cost & { perSecond: number } {
  const cost = readCost(loaded.target.name as Host, loaded.listLength, false)
  const isShared = cores !== undefined && cores.generator === cores.postgres
  const otherMs = cost.postgresMs + (isShared ? readGeneratorMs() : 0)
  const has = { serviceCores: 1, postgresCores: 1, connections: poolSize }
  return {
    ...cost,
    perSecond: requestsPerSecondOf({ ...cost, postgresMs: otherMs, usableShare: 1 }, has),
  }
}

function rowsOf(loaded: Loaded, rig: Rig): string[][] {
  const predicted = predict(loaded, rig)
  const row = (
    title: string,
    expected: number,
    found: number,
    write: (value: number) => string,
  ) => [...[loaded.target.title, title, write(expected), write(found), ratio(found, expected)]]
  return [
    row('requests/s', predicted.perSecond, loaded.perSecond, whole),
    row(cpuTitle, predicted.serviceMs, loaded.serverMs, ms),
    row(postgresTitle, predicted.postgresMs, loaded.postgresMs, ms),
    row('in the generator', readGeneratorMs(), loaded.generatorMs, ms),
  ]
}

function ms(value: number): string {
  return value.toFixed(3)
}

function sentenceOf(loaded: Loaded, { atWork, onDisk }: Waits): string {
  const used = (ms: number) => percent((loaded.perSecond * ms) / 1000)
  const { target, serverMs, postgresMs, generatorMs } = loaded
  return `${target.title}: the service used ${used(serverMs)} of a core, Postgres ${used(postgresMs)}, the generator ${used(generatorMs)}. Of ${poolSize} connections Postgres was at work on ${atWork.toFixed(1)} at a time, ${percent(onDisk)} of it waiting for commits to reach the disk.`
}
