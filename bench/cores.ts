import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Which cores each part of the benchmark runs on, as `taskset` writes them. */
export interface CorePlan {
  readonly server: string
  readonly generator: string
  readonly postgres: string
}

/**
 * The server has a core of its own, so that what it gets is one core, no more and no less. Postgres
 * has what is left; of two cores that is the load generator's. Undefined where cores cannot be kept
 * apart: only one, or no `taskset`.
 */
export function planCores(): CorePlan | undefined {
  const cores = allowedCores()
  const [generator, ...others] = cores
  const server = others.pop()
  if (generator === undefined || server === undefined) return undefined
  if (spawnSync('taskset', ['--version']).error !== undefined) return undefined
  const postgres = others.length === 0 ? String(generator) : others.join(',')
  return { server: String(server), generator: String(generator), postgres }
}

/** What to put before a command so that it stays on these cores. */
export function onCores(cores: string | undefined): string[] {
  return cores === undefined ? [] : ['taskset', '-c', cores]
}

/** Moves a running process, with all its threads, to these cores. */
export function moveToCores(pid: number, cores: string | undefined): void {
  if (cores === undefined) return
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

function allowedCores(): number[] {
  const status = readFileSync('/proc/self/status', 'utf8')
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? ''
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}
