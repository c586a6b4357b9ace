/** What one request costs, in milliseconds. */
export interface Cost {
  /** CPU time of a service process. */
  readonly serviceMs: number
  /** CPU time of all Postgres processes. */
  readonly postgresMs: number
  /** How long it holds a connection to Postgres. */
  readonly connectionMs: number
}

/** What a request of the mix and a task cost, and what the machines do. */
export interface Figures extends Cost {
  /** Of a row of `tasks` with its part of the indexes. */
  readonly bytesPerTask: number
  /** Prices of a month, in one currency. */
  readonly serviceCoreMonth: number
  readonly postgresCoreMonth: number
  readonly gigabyteMonth: number
  /** How much of a core is planned for; the rest is for what the mean hides. */
  readonly usableShare: number
}

export interface Load {
  readonly requestsPerSecond: number
  readonly users: number
  readonly tasksPerUser: number
}

export interface Capacity {
  readonly serviceCores: number
  readonly postgresCores: number
  /** In use at once. How many are open is decided by `DATABASE_POOL_SIZE`. */
  readonly connections: number
  readonly storageGigabytes: number
  readonly costPerMonth: number
}

/** What a load needs. */
export function capacityFor(figures: Figures, load: Load): Capacity {
  const { requestsPerSecond, users, tasksPerUser } = load
  const coresFor = (ms: number) => (requestsPerSecond * ms) / 1000 / figures.usableShare
  const [serviceCores, postgresCores] = [coresFor(figures.serviceMs), coresFor(figures.postgresMs)]
  const storageGigabytes = (users * tasksPerUser * figures.bytesPerTask) / 1e9
  return {
    ...{ serviceCores, postgresCores, storageGigabytes },
    // Little's law: as many are in use as arrive while one is held.
    connections: coresFor(figures.connectionMs),
    costPerMonth:
      Math.ceil(serviceCores) * figures.serviceCoreMonth +
      Math.ceil(postgresCores) * figures.postgresCoreMonth +
      storageGigabytes * figures.gigabyteMonth,
  }
}

/** The other way round: the requests a second that so many cores and connections can answer. */
export function requestsPerSecondOf(
  figures: Cost & Pick<Figures, 'usableShare'>,
  has: Pick<Capacity, 'serviceCores' | 'postgresCores' | 'connections'>,
): number {
  const rate = (units: number, ms: number) => (units * figures.usableShare * 1000) / ms
  return Math.min(
    rate(has.serviceCores, figures.serviceMs),
    rate(has.postgresCores, figures.postgresMs),
    rate(has.connections, figures.connectionMs),
  )
}

/** Requests a second at the peak, where each user sends so many a day. */
export function peakOf(users: number, requestsPerUserDay: number, peakFactor: number): number {
  return ((users * requestsPerUserDay) / 86_400) * peakFactor
}

/** The operations whose cost is measured; a list is one of fifty tasks. */
export type MeasuredCosts = Readonly<Record<'read' | 'list' | 'create' | 'toggle', Cost>>

/**
 * What a request costs on average.
 *
 * @param mix shares of all requests; what is not measured counts as a toggle, which like it changes
 *   one row
 * @param listLength how many tasks a list has; each costs as much as one of the fifty does
 * @param extra what comes on top of every request
 */
export function costOfMix(
  costs: MeasuredCosts,
  mix: Readonly<Record<string, number>>,
  listLength: number,
  extra: Cost = { serviceMs: 0, postgresMs: 0, connectionMs: 0 },
): Cost {
  const { read, list, create, toggle } = costs
  const of = (part: keyof Cost) => {
    const perTask = (list[part] - read[part]) / 49
    const known: Readonly<Record<string, number>> = {
      ...{ read: read[part], create: create[part], toggle: toggle[part] },
      list: Math.max(0, read[part] + perTask * (listLength - 1)),
    }
    const shares = Object.entries(mix)
    const sum = shares.reduce((total, [, share]) => total + share, 0)
    const cost = shares.reduce(
      (total, [name, share]) => total + share * (known[name] ?? toggle[part]),
      0,
    )
    return cost / sum + extra[part]
  }
  return {
    serviceMs: of('serviceMs'),
    postgresMs: of('postgresMs'),
    connectionMs: of('connectionMs'),
  }
}
