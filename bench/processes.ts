import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

interface ProcessStat {
  readonly pid: number
  readonly parent: number
  readonly ownTicks: number
  /** Of children that have ended. */
  readonly endedTicks: number
}

/** CPU time that a process and all below it have used so far, in milliseconds. */
export function cpuMsOf(pid: number): number {
  const family = familyOf(pid)
  const ticks = family.reduce((sum, { ownTicks, endedTicks }) => sum + ownTicks + endedTicks, 0)
  return (ticks / ticksPerSecond) * 1000
}

/** CPU time that the whole machine has used so far, what its host took away included. */
export function machineCpuMs(): number {
  const [, ...fields] = /^cpu .*/m.exec(readFileSync('/proc/stat', 'utf8'))?.[0].split(/\s+/) ?? []
  // proc(5): user, nice, system, idle, iowait, irq, softirq, steal; guest time is part of user.
  const [user = 0, nice = 0, system = 0, , , irq = 0, soft = 0, stolen = 0] = fields.map(Number)
  return ((user + nice + system + irq + soft + stolen) / ticksPerSecond) * 1000
}

/** Memory that a process and all below it hold (RSS), in MiB. */
export function memoryMbOf(pid: number): number {
  const kilobytes = familyOf(pid).map((member) => {
    const status = readOrNothing(`/proc/${member.pid}/status`)
    return Number(/^VmRSS:\s*(\d+)/m.exec(status)?.[1] ?? 0)
  })
  return kilobytes.reduce((sum, size) => sum + size, 0) / 1024
}

function familyOf(pid: number): ProcessStat[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(name) ?? [])
  const family = all.filter((stat) => stat.pid === pid)
  for (const member of family) {
    family.push(...all.filter(({ parent }) => parent === member.pid))
  }
  return family
}

/** proc(5): the name of the program, in brackets, may itself hold spaces and brackets. */
function readStat(pid: string): ProcessStat | undefined {
  const stat = readOrNothing(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields.length < 15) return undefined
  const [parent = 0, user = 0, system = 0, endedUser = 0, endedSystem = 0] = [
    1, 11, 12, 13, 14,
  ].map((index) => Number(fields[index]))
  return {
    pid: Number(pid),
    parent,
    ownTicks: user + system,
    endedTicks: endedUser + endedSystem,
  }
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // A process may end between being listed and being read.
    return ''
  }
}
