import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import { describePlan } from '#bench/cores'
import { cpuMsOf, machineCpuMs } from '#bench/processes'
import type { Rig } from '#bench/rig'
import { versionsOf } from '#bench/servers'
import { percent } from '#bench/tables'

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

/** The machine, the versions and the command that the figures of a rig come from. */
export function describeRig(
  { cores, postgres, targets }: Rig,
  commandLine: string,
  others: number,
): string {
  const versions = `${versionsOf(targets)}, Postgres ${postgres.version}`
  return describeMachine(versions, commandLine, others, describePlan(cores))
}

/** The same for figures that have no rig. */
export function describeMachine(
  versions: string,
  commandLine: string,
  others: number,
  plan = '',
): string {
  const processors = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  const commit = execFileSync('git', ['describe', '--always', '--dirty', '--exclude=*'], {
    encoding: 'utf8',
  }).trim()
  const day = new Date().toISOString().slice(0, 10)
  return [
    `Measured on ${day} at commit ${commit} with \`${commandLine}\`:`,
    `${processors.length} cores of ${processors[0]?.model.trim()}, ${memory} GiB, Linux ${release()};`,
    `${versions}. ${plan}`.trim(),
    `Everything else took ${percent(others)} of the machine meanwhile.`,
  ].join(' ')
}
