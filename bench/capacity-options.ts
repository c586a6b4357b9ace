import { type Host, standardPrices } from '#bench/figures'

/** Of `npm run bench -- capacity`. */
export const capacityOptions = {
  users: { type: 'string' },
  'tasks-per-user': { type: 'string' },
  'requests-per-user-day': { type: 'string' },
  'peak-factor': { type: 'string' },
  host: { type: 'string' },
  'usable-share': { type: 'string' },
  prices: { type: 'string' },
  'service-cores': { type: 'string' },
  'postgres-cores': { type: 'string' },
} as const

const defaults: Values = {
  users: '1000000',
  'tasks-per-user': '100',
  'requests-per-user-day': '20',
  'peak-factor': '5',
  host: 'node',
  'usable-share': '0.6',
  prices: Object.values(standardPrices).join(','),
}

type Name = keyof typeof capacityOptions
type Values = { readonly [name in Name]?: string | undefined }

/** What the model is asked. */
export interface Question {
  readonly users: number
  readonly tasksPerUser: number
  readonly requestsPerUserDay: number
  /** How many times the mean of a day its busiest moment is. */
  readonly peakFactor: number
  readonly host: Host
  readonly usableShare: number
  readonly prices: typeof standardPrices
  /** The other way round: what these answer. */
  readonly has: { readonly serviceCores: number; readonly postgresCores: number } | undefined
}

/**
 * Reads the options, with a default for each that is not given.
 *
 * @throws RangeError for what is no number above 0, or no host
 */
export function readQuestion(given: Values): Question {
  const values: Values = { ...defaults, ...given }
  const of = (name: Name) => toPositive(name, values[name])
  const { host } = values
  if (host !== 'node' && host !== 'next') throw new RangeError('--host is node or next.')
  const prices = (values.prices ?? '').split(',').map((price) => toPositive('prices', price))
  const [serviceCoreMonth, postgresCoreMonth, gigabyteMonth] = prices
  if (prices.length !== 3 || !serviceCoreMonth || !postgresCoreMonth || !gigabyteMonth) {
    throw new RangeError('--prices are three: a service core, a Postgres core, a gigabyte.')
  }
  const usableShare = of('usable-share')
  if (usableShare > 1) throw new RangeError('--usable-share is at most 1.')
  const isReverse = values['service-cores'] !== undefined || values['postgres-cores'] !== undefined
  return {
    ...{ users: of('users'), tasksPerUser: of('tasks-per-user'), host, usableShare },
    ...{ requestsPerUserDay: of('requests-per-user-day'), peakFactor: of('peak-factor') },
    prices: { serviceCoreMonth, postgresCoreMonth, gigabyteMonth },
    has: isReverse
      ? { serviceCores: of('service-cores'), postgresCores: of('postgres-cores') }
      : undefined,
  }
}

function toPositive(name: Name, text = ''): number {
  const value = Number(text)
  if (text !== '' && Number.isFinite(value) && value > 0) return value
  throw new RangeError(`--${name} takes a number above 0, not "${text}".`)
}
