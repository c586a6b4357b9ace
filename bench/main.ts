/**
 * `npm run bench` measures the service beside its peers and writes what it saw; see
 * docs/performance.md for its commands and options.
 */
import { aimsTable } from '#bench/aims'
import { coldStart } from '#bench/cold-start'
import { compare, describeRun } from '#bench/compare'
import { growConnections, growTable } from '#bench/growth'
import { load } from '#bench/load'
import { describeMachine, describeRig, watchOthers } from '#bench/machine'
import { cpuRatios, operationTables } from '#bench/operation-tables'
import { readOptions } from '#bench/options'
import { profile } from '#bench/profile'
import { type Rig, withRig } from '#bench/rig'
import { writeSection } from '#bench/write-section'

const options = readOptions()
const commandLine = ['npm run bench', process.argv.slice(2).join(' ')].join(' -- ')
const sections = {
  compare: () => withRig(options, (rig) => report('compare', rig, compareServers)),
  growth: () => withRig(options, (rig) => report('growth', rig, grow)),
  // Here it counts that nothing is lost, so commits reach the disk before they are answered.
  load: () =>
    withRig({ ...options, durable: true, standard: ['node', 'next'] }, (rig) =>
      report('load', rig, (loaded) => load(loaded, options)),
    ),
}

switch (options.command) {
  case 'all':
    await sections.compare()
    if (options.quick) break
    await sections.growth()
    await sections.load()
    break
  case 'compare':
  case 'growth':
  case 'load':
    await sections[options.command]()
    break
  case 'cold-start':
    await reportColdStart()
    break
  case 'profile':
    await withRig({ ...options, standard: ['node'] }, async (rig) => {
      console.log(await profile(rig, options))
    })
    break
  default:
    console.error(`There is no ${options.command}: compare, growth, load, cold-start or profile.`)
    process.exit(1)
}

async function report(section: string, rig: Rig, make: (rig: Rig) => Promise<string>) {
  const shareOfOthers = watchOthers()
  const measured = await make(rig)
  show(section, measured, describeRig(rig, commandLine, shareOfOthers()))
}

async function reportColdStart() {
  const shareOfOthers = watchOthers()
  const { measured, versions } = await coldStart(options.rounds)
  show('cold-start', measured, describeMachine(versions, commandLine, shareOfOthers()))
}

function show(section: string, measured: string, conditions: string) {
  const text = `${measured}\n\n${conditions}`
  console.log(`\n${text}\n`)
  if (options.write) writeSection(section, text)
}

async function compareServers(rig: Rig): Promise<string> {
  const results = await compare(rig, options)
  return [
    ...[`${describeRun(options)}.`, operationTables(results)],
    ...['### Ratios of CPU time', cpuRatios(results)],
    ...['### Aims', aimsTable(results)],
  ].join('\n\n')
}

async function grow(rig: Rig): Promise<string> {
  const shorter = { ...options, rounds: Math.min(options.rounds, 3) }
  return `${await growTable(rig, shorter)}\n\n${await growConnections(rig, shorter)}`
}
