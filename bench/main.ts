/**
 * `npm run bench` measures the service beside its peers and writes what it saw; see
 * docs/performance.md for its commands and options.
 */
import { aimsTable } from '#bench/aims'
import { answer, standardAnswers } from '#bench/capacity-answers'
import { coldStart } from '#bench/cold-start'
import { compare, describeRun } from '#bench/compare'
import { growConnections, growTable } from '#bench/growth'
import { holdAgainstLoad } from '#bench/held'
import { measureHolding } from '#bench/holding'
import { load } from '#bench/load'
import { describeMachine, describeRig, watchOthers } from '#bench/machine'
import { cpuRatios, operationTables } from '#bench/operation-tables'
import { readOptions } from '#bench/options'
import { profile } from '#bench/profile'
import { type Rig, withRig } from '#bench/rig'
import { type Page, writeSection } from '#bench/sections'
import { measureTaskSize } from '#bench/task-size'

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
  costs: () =>
    withRig({ ...options, durable: true, standard: ['node', 'next'] }, async (rig) => {
      await report('costs', rig, measureCosts, 'scaling')
      await report('held', rig, (loaded) => holdAgainstLoad(loaded, options), 'scaling')
    }),
}

switch (options.command) {
  case 'all':
    await sections.compare()
    if (options.quick) break
    await sections.growth()
    await sections.load()
    await sections.costs()
    break
  case 'compare':
  case 'growth':
  case 'load':
  case 'costs':
    await sections[options.command]()
    break
  case 'capacity':
    console.log(answer(options.question))
    if (options.write) writeSection('scaling', 'capacity', standardAnswers())
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
    console.error(
      `There is no ${options.command}: compare, growth, load, costs, capacity, cold-start or profile.`,
    )
    process.exit(1)
}

async function report(
  section: string,
  rig: Rig,
  make: (rig: Rig) => Promise<string>,
  page: Page = 'performance',
) {
  const shareOfOthers = watchOthers()
  const measured = await make(rig)
  show(page, section, measured, describeRig(rig, commandLine, shareOfOthers()))
}

async function reportColdStart() {
  const shareOfOthers = watchOthers()
  const { measured, versions } = await coldStart(options.rounds)
  show(
    'performance',
    'cold-start',
    measured,
    describeMachine(versions, commandLine, shareOfOthers()),
  )
}

function show(page: Page, section: string, measured: string, conditions: string) {
  const text = `${measured}\n\n${conditions}`
  console.log(`\n${text}\n`)
  if (!options.write) return
  writeSection(page, section, text)
  // What the model makes of the figures goes with them.
  if (['compare', 'costs', 'held'].includes(section)) {
    writeSection('scaling', 'capacity', standardAnswers())
  }
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

async function measureCosts(rig: Rig): Promise<string> {
  const sizes = await measureTaskSize(rig.postgres)
  const held = await measureHolding(rig, options)
  return ['### What a task takes', sizes, '### What a request holds', held].join('\n\n')
}
