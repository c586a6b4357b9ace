import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import { describePlan } from './cores.ts'
import type { Rig } from './rig.ts'
import { versionsOf } from './servers.ts'

/** The machine, the versions and the command that figures come from. */
export function describeMachine({ cores, postgres, targets }: Rig, commandLine: string): string {
  const processors = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  const commit = execFileSync('git', ['log', '-1', '--format=%h'], { encoding: 'utf8' }).trim()
  const day = new Date().toISOString().slice(0, 10)
  return [
    `Measured on ${day} at commit ${commit} with \`${commandLine}\`:`,
    `${processors.length} cores of ${processors[0]?.model.trim()}, ${memory} GiB, Linux ${release()};`,
    `${versionsOf(targets)}, Postgres ${postgres.version}. ${describePlan(cores)}`,
  ].join(' ')
}
