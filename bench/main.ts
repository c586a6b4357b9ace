/**
 * `npm run bench` measures the service beside its peers; docs/performance.md has its commands and
 * options.
 */
import { aimsTable } from '#bench/aims'
import { coldStart } from '#bench/cold-start'
import { compare, describeRun } from '#bench/compare'
import { cpuTable, operationTables } from '#bench/comparison-tables'
import { load } from '#bench/load'
import { describeMachine, describePlan, watchOthers } from '#bench/machine'
import { readOptions } from '#bench/options'
import { type Rig, type RigOptions, withRig } from '#bench/rig'
import { versionsOf } from '#bench/servers'
import { writeSection } from '#bench/tables'

const options = readOptions()
const commands = ['compare', 'aims', 'load', 'cold-start']
const { command, quick, only } = options
// Everything but cold starts, which need a build of their own; quickly or in part, the comparison.
const isPart = quick || only.length > 0
const all = isPart ? ['compare'] : ['compare', 'aims', 'load']
const runs = (section: string) => (command === 'all' ? all.includes(section) : command === section)

if (command !== 'all' && !commands.includes(command)) {
  console.error(`There is no ${command}: ${commands.join(', ')}.`)
  process.exit(1)
}
if (runs('compare')) {
  await measureOnRig('compare', {}, async (rig) => {
    const results = await compare(rig, options)
    return [
      ...[`${describeRun(options)}.`, operationTables(results)],
      ...['### CPU time', cpuTable(results)],
      ...['### Aims', aimsTable(results)],
    ]
  })
}
// What ends within four minutes is run again.
const fewer = {
  ...{ ...options, rounds: Math.min(options.rounds, 3) },
  ...{ seconds: Math.min(options.seconds, 0.8), warmUpSeconds: 0.4, firstWarmUpSeconds: 3 },
}
if (runs('aims')) {
  const standard = ['node', 'node-counting', 'fastify', 'fastify-postgresjs']
  const operations = only.length > 0 ? only : ['read', 'list', 'create', 'toggle']
  const few = { ...fewer, only: operations, connections: [8, 64, 256] }
  await measureOnRig('aims', { standard }, async (rig) => {
    const results = await compare(rig, few)
    return [`${describeRun(few)}.`, aimsTable(results), cpuTable(results)]
  })
}
if (runs('load')) {
  // It counts what is lost, so commits reach the disk.
  const asInProduction = { commitMs: 0, standard: ['node', 'next'] }
  await measureOnRig('load', asInProduction, async (rig) => [await load(rig, options)])
}
if (runs('cold-start')) {
  const shareOfOthers = watchOthers()
  const { measured, versions } = await coldStart(options.rounds)
  report('cold-start', [measured], `${versions}.`, shareOfOthers())
}

async function measureOnRig(
  section: string,
  conditions: Pick<RigOptions, 'standard'> & { commitMs?: number },
  measure: (rig: Rig) => Promise<string[]>,
): Promise<void> {
  await withRig({ ...options, ...conditions }, async (rig) => {
    const shareOfOthers = watchOthers()
    const measured = await measure(rig)
    const versions = `${versionsOf(rig.targets)}, Postgres ${rig.postgres.version}`
    report(section, measured, `${versions}. ${describePlan(rig.cores)}`, shareOfOthers())
  })
}

function report(section: string, measured: string[], conditions: string, others: number): void {
  const commandLine = ['npm run bench', process.argv.slice(2).join(' ')].join(' -- ')
  const text = [...measured, describeMachine(commandLine, conditions, others)].join('\n\n')
  console.log(`\n${text}\n`)
  if (options.write) writeSection(section, text)
}
