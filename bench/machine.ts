import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { cpuMsOf, machineCpuMs } from '#bench/processes'
import { percent } from '#bench/tables'

/** Which cores each part of the benchmark runs on, as `taskset` writes them. */
export interface CorePlan {
  readonly server: string
  readonly generator: string
  readonly postgres: string
}

/**
 * The server has a core of its own, so that what it gets is one core, no more and no less. Postgres
 * has what is left; of two cores that is the load generator's.
 *
 * @returns undefined where cores cannot be kept apart: only one, or no `taskset`
 */
export function planCores(): CorePlan | undefined {
  const status = readFileSync('/proc/self/status', 'utf8')
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? ''
  const [generator, ...others] = list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => String(first + index))
  })
  const server = others.pop()
  if (generator === undefined || server === undefined) return undefined
  if (spawnSync('taskset', ['--version']).error !== undefined) return undefined
  return { server, generator, postgres: others.length === 0 ? generator : others.join(',') }
}

/** Moves a running process, with all its threads, to these cores. */
export function moveToCores(pid: number, cores: string | undefined): void {
  if (cores !== undefined)
    execFileSync('taskset', ['-acp', cores, String(pid)], { stdio: 'ignore' })
}

/** One sentence for the reader of the figures. */
export function describePlan(plan: CorePlan | undefined): string {
  if (plan === undefined) return 'Nothing was pinned to a core (one core only, or no `taskset`).'
  const { server, generator, postgres } = plan
  return generator === postgres
    ? `The server had core ${server} to itself; the load generator and Postgres shared core ${generator}.`
    : `The server had core ${server} to itself, the load generator core ${generator}, Postgres ${postgres}.`
}

/**
 * Watches what does not belong to the benchmark.
 *
 * @returns a function that gives its share of the machine since, which must be small for figures to hold
 */
export function watchOthers(): () => number {
  const others = () => machineCpuMs() - cpuMsOf(process.pid)
  const [before, start] = [others(), performance.now()]
  return () => Math.max(0, (others() - before) / ((performance.now() - start) * cpus().length))
}

/** What figures come from: the command, the machine, and in `conditions` the versions and cores. */
export function describeMachine(commandLine: string, conditions: string, others: number): string {
  const [processor] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  const describe = ['describe', '--always', '--dirty', '--exclude=*']
  const commit = execFileSync('git', describe, { encoding: 'utf8' }).trim()
  const day = new Date().toISOString().slice(0, 10)
  return [
    `Measured on ${day} at commit ${commit} with \`${commandLine}\`:`,
    `${cpus().length} cores of ${processor?.model.trim()}, ${memory} GiB, Linux ${release()};`,
    conditions,
    `Everything else took ${percent(others)} of the machine meanwhile.`,
  ].join(' ')
}
