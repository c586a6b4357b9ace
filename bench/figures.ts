import { type Cost, costOfMix, type Figures } from '#bench/capacity'
import { readSection } from '#bench/sections'
import { numberIn, readTable } from '#bench/tables'
import { visitorMix } from '#bench/visitor'

export type Host = 'node' | 'next'

const titles = { node: '**this service**, Node host', next: '**this service**, Next host' }
const headings = { read: 'Read one', list: 'List of 50', create: 'Create', toggle: 'Toggle' }

/** As `bench/held.ts` writes them. */
export const heldHeading = 'Predicted and measured'
export const cpuTitle = 'CPU ms/request, all of the mix'
export const postgresTitle = 'in Postgres'

/** Nobody's quote but Neon's for Postgres (see docs/scaling.md): say yours with `--prices`. */
export const standardPrices = {
  serviceCoreMonth: 40,
  // 0.106 an hour for one compute unit, taken for a core, times 730 hours.
  postgresCoreMonth: 77,
  gigabyteMonth: 0.35,
}

/** The list answers this many tasks at most unless it is asked for fewer. */
const longestList = 1000

/** What an operation costs on a host, as docs/performance.md and docs/scaling.md have it. */
export function readMeasured(host: Host, operation: keyof typeof headings = 'read'): Cost {
  const heading = headings[operation]
  const row = rowOf(readTable(readSection('performance', 'compare'), heading), titles[host])
  return {
    serviceMs: figureIn(row, 'CPU ms/request'),
    postgresMs: figureIn(row, 'in Postgres'),
    connectionMs: figureIn(rowOf(readHolding(), heading.toLowerCase()), 'connection ms'),
  }
}

/**
 * What a request of the load test's mix costs.
 *
 * @throws where a table, a row or a column is not there
 */
export function readCost(host: Host, listLength: number, isRateLimited: boolean): Cost {
  const costs = {
    ...{ read: readMeasured(host), list: readMeasured(host, 'list') },
    ...{ create: readMeasured(host, 'create'), toggle: readMeasured(host, 'toggle') },
  }
  return costOfMix(costs, visitorMix, listLength, isRateLimited ? readCostOfLimit() : undefined)
}

/** What counting a request against its user's rate limit adds to it. */
function readCostOfLimit(): Cost {
  const held = readHolding()
  const [plain, counted] = ['read one', 'read one, counted'].map((title) => rowOf(held, title))
  const added = (column: string) => Math.max(0, figureIn(counted, column) - figureIn(plain, column))
  return {
    serviceMs: added('CPU ms/request'),
    postgresMs: added('in Postgres'),
    connectionMs: added('connection ms'),
  }
}

/**
 * Everything that the model needs for users who have so many tasks, with the rate limit on. CPU
 * time is what the run in docs/scaling.md needed, where that is more than was predicted for it.
 */
export function readFigures(
  host: Host,
  tasksPerUser: number,
  prices: typeof standardPrices,
  usableShare: number,
): Figures {
  const sizes = readTable(readSection('scaling', 'costs'), 'What a task takes')
  const cost = readCost(host, Math.min(tasksPerUser, longestList), true)
  return {
    ...prices,
    usableShare,
    serviceMs: cost.serviceMs * readDistance(host, cpuTitle),
    postgresMs: cost.postgresMs * readDistance(host, postgresTitle),
    connectionMs: cost.connectionMs,
    bytesPerTask: figureIn(rowOf(sizes, 'all of it'), 'each changed once'),
  }
}

/** How many times what was predicted the run needed; 1 where it needed less. */
export function readDistance(host: Host, figure: string): number {
  const rows = readTable(readSection('scaling', 'held'), heldHeading)
  const row = rows.find((one) => one['server'] === titles[host] && one['figure'] === figure)
  return Math.max(1, figureIn(row, 'measured / predicted'))
}

/** What the load generator needs for a request at least: its core is full where nothing is done. */
export function readGeneratorMs(): number {
  const rows = readTable(readSection('performance', 'compare'), headings.read)
  return 1000 / figureIn(rowOf(rows, '`node:http`, a constant'), 'requests/s')
}

function readHolding(): Record<string, string>[] {
  return readTable(readSection('scaling', 'costs'), 'What a request holds')
}

function rowOf(rows: Record<string, string>[], title: string): Record<string, string> | undefined {
  return rows.find((row) => Object.values(row)[0] === title)
}

function figureIn(row: Record<string, string> | undefined, column: string): number {
  const value = numberIn(row?.[column])
  if (Number.isFinite(value)) return value
  throw new Error(`The tables have no figure in ${column}: measure with compare and costs --write.`)
}
