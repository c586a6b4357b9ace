import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

interface ProcessStat {
  readonly pid: number
  readonly parent: number
  /** Of the process and of its children that have ended. */
  readonly ticks: number
}

/** CPU time that a process and all below it have used so far, in milliseconds. */
export function cpuMsOf(pid: number): number {
  const ticks = familyOf(pid).reduce((sum, member) => sum + member.ticks, 0)
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
    const [, size = 0] = /^VmRSS:\s*(\d+)/m.exec(readOrNothing(`/proc/${member.pid}/status`)) ?? []
    return Number(size)
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
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  return { pid: Number(pid), parent: Number(fields[1]), ticks }
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // A process may end between being listed and being read.
    return ''
  }
}
