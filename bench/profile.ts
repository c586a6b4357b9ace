import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadData } from '#bench/data'
import { measure } from '#bench/measure'
import { operations } from '#bench/operations'
import type { Options } from '#bench/options'
import { type CpuProfile, readProfile } from '#bench/profile-reading'
import type { Rig } from '#bench/rig'
import { startServer } from '#bench/running'
import { toTable } from '#bench/tables'

const rowsShown = 40

/**
 * Runs one operation on a Node process under `--cpu-prof`, and tells in which packages and files,
 * and in which functions, the time of a request goes.
 */
export async function profile(rig: Rig, options: Options): Promise<string> {
  const operation = operations.find(({ name }) => name === options.subject)
  const [target] = rig.targets
  const [program = '', ...parameters] = target?.server.command ?? []
  if (operation === undefined || target === undefined || program !== process.execPath) {
    const names = operations.map(({ name }) => name).join(', ')
    throw new Error(`Name an operation (${names}), and with --only one server that is Node.`)
  }
  const data = await loadData(rig.postgres, 1000, 200)
  const folder = mkdtempSync(join(tmpdir(), 'todo-profile-'))
  const profiler = ['--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir', folder]
  const command = [program, ...profiler, ...parameters]
  const { url, pid, stop } = await startServer({ ...target.server, command }, rig.cores?.server)
  const next = await operation.prepare(data, url)
  if (next === undefined) throw new Error(`${target.name} does not serve ${operation.name}.`)
  const slot = {
    ...{ url, next, serverPid: pid, postgresPid: rig.postgres.pid },
    ...{ connections: options.connections, status: operation.status },
  }
  await measure({ ...slot, seconds: options.firstWarmUpSeconds })
  const from = process.hrtime.bigint()
  const { perSecond, serverMs, busy } = await measure({ ...slot, seconds: options.seconds })
  const to = process.hrtime.bigint()
  await stop()

  const path = join(folder, largestOf(folder))
  const recorded: CpuProfile = JSON.parse(readFileSync(path, 'utf8'))
  const requests = (perSecond * Number(to - from)) / 1e9
  const read = readProfile(recorded, Number(from) / 1000, Number(to) / 1000)
  const table = (title: string, times: [string, number][]) => {
    const rows = times.slice(0, rowsShown).map(([name, us]) => {
      const share = `${((us / read.totalUs) * 100).toFixed(1)} %`
      return [name, (us / requests).toFixed(1), share]
    })
    return toTable([title, 'µs/request', 'share'], rows)
  }
  return [
    `${operation.title} on ${target.name}: ${Math.round(perSecond)} requests/s under the profiler, ${serverMs.toFixed(3)} ms CPU per request, ${Math.round(busy * 100)} % of the core in use`,
    table('package or file', read.places),
    table('function, own time', read.own),
    table('function, with what it called', read.withCalled),
    `Open it in the developer tools of Chromium: ${path}`,
  ].join('\n\n')
}

/** A launcher's profile is written beside that of the process it started. */
function largestOf(folder: string): string {
  const files = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))
  const size = (name: string) => readFileSync(join(folder, name)).byteLength
  const [largest] = files.toSorted((one, other) => size(other) - size(one))
  if (largest === undefined) throw new Error('The process ended without writing its profile.')
  return largest
}
