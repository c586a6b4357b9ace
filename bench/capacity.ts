/** What one request and one task cost; take them from a run of the benchmark on your machine. */
export interface Figures {
  /** CPU time of a service process per request: "CPU ms/request" in docs/performance.md. */
  readonly serviceMs: number
  /** CPU time of all Postgres processes per request, from the same table. */
  readonly postgresMs: number
  /** How long a request holds a connection to Postgres, network included. */
  readonly connectionMs: number
  /** Of a row of `tasks` with its part of the indexes. */
  readonly bytesPerTask: number
  /** Price of a core and of a gigabyte for a month, in one currency. */
  readonly coreMonth: number
  readonly gigabyteMonth: number
  /** How much of a core is planned for; the rest is for peaks. */
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
  const cores = Math.ceil(serviceCores) + Math.ceil(postgresCores)
  return {
    ...{ serviceCores, postgresCores, storageGigabytes },
    // Little's law: as many are in use as arrive while one is held.
    connections: coresFor(figures.connectionMs),
    costPerMonth: cores * figures.coreMonth + storageGigabytes * figures.gigabyteMonth,
  }
}

/** The other way round: the requests a second that so many cores and connections can answer. */
export function requestsPerSecondOf(
  figures: Figures,
  has: Pick<Capacity, 'serviceCores' | 'postgresCores' | 'connections'>,
): number {
  const rate = (units: number, ms: number) => (units * figures.usableShare * 1000) / ms
  return Math.min(
    rate(has.serviceCores, figures.serviceMs),
    rate(has.postgresCores, figures.postgresMs),
    rate(has.connections, figures.connectionMs),
  )
}
