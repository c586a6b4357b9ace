import type { Pool } from 'pg'
import { nobody, shareOf } from '#db/transports/lines'
import type { Neighbours } from '#db/transports/neighbours'
import type { PooledClient } from '#db/transports/pooled-client'
import { SharedConnection } from '#db/transports/shared-connection'
import type { Place } from '#db/transports/transport'

interface ConnectionsOptions {
  readonly pool: Pool
  readonly poolSize: number
  readonly cancelTimeoutMs: number
  /** Called with every answer of the database. */
  readonly onAnswer: () => void
  /** Called when a connection was closed or went back to the pool. */
  readonly onRoom: () => void
}

/** For how long a user whose transaction was slow is expected to send more of them. */
const slowUserMs = 10_000
const mostSlowUsers = 1000

/**
 * The connections that carry transactions. One is filled before the next is taken, so that few,
 * large writes and reads do for many transactions; what is held up is passed by. See ADR 0056.
 */
export class Connections implements Neighbours<SharedConnection> {
  readonly cancelTimeoutMs: number
  quickestMs = Number.POSITIVE_INFINITY
  readonly #options: ConnectionsOptions
  /** The one that has been in use for longest comes first. */
  readonly #inUse = new Set<SharedConnection>()
  readonly #slowUntil = new Map<string, number>()
  #turnBeganAt: number | undefined

  constructor(options: ConnectionsOptions) {
    this.#options = options
    this.cancelTimeoutMs = options.cancelTimeoutMs
  }

  /** How many carry something. */
  get size(): number {
    return this.#inUse.size
  }

  /** Whether an ordinary transaction of whatever user would have to wait. */
  isFull(): boolean {
    return !this.#mayOpen(nobody, false) && this.#firstWithRoom() === undefined
  }

  /** The connection for a transaction, which is to be run on it next; undefined where it must wait. */
  seat(place: Place): SharedConnection | undefined {
    const own = this.#ownOf(place)
    if (own !== undefined) return own.isWell() ? own.reserve() : undefined
    const isSlow = this.#isSlow(place.user)
    // A probe behind a request that is about to be held up would say that the service is not ready.
    const isAlone = isSlow || place.isProbe === true
    const shared = this.#firstWithRoom()
    if (shared !== undefined && !isAlone) return shared.reserve()
    if (this.#mayOpen(place, isSlow)) return this.#open(isAlone).reserve()
    return shared?.reserve()
  }

  /** The same for one that had to make way for others, and must not hold up others again. */
  seatAside(place: Place): SharedConnection {
    const own = this.#ownOf(place)
    if (own?.isWell()) return own.reserve()
    if (this.#mayOpen(place, true)) return this.#open(true).reserve()
    const well = [...this.#inUse].filter((each) => each.isWell())
    const aside = well.find((each) => each.isForOne) ?? this.#firstWithRoom() ?? well.at(-1)
    return (aside ?? this.#open(true)).reserve()
  }

  #firstWithRoom(): SharedConnection | undefined {
    const now = this.#turn()
    for (const connection of this.#inUse) if (connection.takesMore(now)) return connection
    return undefined
  }

  /** One of the user's connections, where the user has a full share of them. */
  #ownOf({ user, isProbe = false }: Place): SharedConnection | undefined {
    let own: SharedConnection | undefined
    let owned = 0
    for (const connection of this.#inUse) {
      if (!connection.carries(user)) continue
      owned += 1
      if (own?.isWell() !== true) own = connection
    }
    return !isProbe && owned >= shareOf(this.#options.poolSize) ? own : undefined
  }

  /** When this turn of the event loop began: what has come since is not read yet. */
  #turn(): number {
    if (this.#turnBeganAt !== undefined) return this.#turnBeganAt
    this.#turnBeganAt = performance.now()
    setImmediate(() => {
      this.#turnBeganAt = undefined
    })
    return this.#turnBeganAt
  }

  #open(isForOne: boolean): SharedConnection {
    const opening = this.#options.pool.connect() as unknown as Promise<PooledClient>
    const connection = new SharedConnection(opening, this, isForOne)
    this.#inUse.add(connection)
    return connection
  }

  /**
   * One connection is kept for probes, since readiness must not fail because the service is busy, and
   * one for what has to make way. A smaller pool has nothing to spare.
   */
  #mayOpen({ isProbe = false }: Place, isSlow: boolean): boolean {
    const { poolSize } = this.#options
    const kept = isProbe || poolSize < 4 ? 0 : isSlow ? 1 : 2
    return this.#inUse.size < poolSize - kept
  }

  #isSlow(user: string): boolean {
    const until = this.#slowUntil.get(user)
    if (until === undefined) return false
    if (performance.now() < until) return true
    this.#slowUntil.delete(user)
    return false
  }

  hasSpare(): boolean {
    return this.#mayOpen(nobody, true)
  }

  answered(afterMs: number): void {
    this.quickestMs = Math.min(this.quickestMs, afterMs)
    this.#options.onAnswer()
  }

  slow(user: string): void {
    if (this.#slowUntil.size >= mostSlowUsers) this.#slowUntil.clear()
    this.#slowUntil.set(user, performance.now() + slowUserMs)
  }

  left(connection: SharedConnection): void {
    this.#inUse.delete(connection)
    this.#options.onRoom()
  }
}
