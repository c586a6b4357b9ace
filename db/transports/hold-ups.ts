import { cancel } from '#db/transports/cancel'
import type { Flight } from '#db/transports/flight'
import type { Neighbours } from '#db/transports/neighbours'
import type { PooledClient } from '#db/transports/pooled-client'

/** One that takes so long makes way for those behind it. The longest list takes a tenth of that. */
const slowMs = 100

/**
 * Gets what is late or slow out of the way of those behind it, on a connection that several share.
 *
 * A request to cancel names the connection and not the transaction: it meets whatever runs when it
 * arrives. So each that ran in the meantime is marked as hit. What was cancelled is rolled back, and
 * may be sent again, on another connection: this one is to take no more.
 */
export class HoldUps {
  readonly #client: PooledClient
  /** The first is the one that Postgres works on. */
  readonly #sent: readonly Flight[]
  readonly #neighbours: Neighbours<never>
  /** Called when a request to cancel can meet nobody any more. */
  readonly #onDelivered: () => void
  #cancelled: Flight | undefined
  #isCancelling = false
  #workingSince = performance.now()
  #watching: NodeJS.Timeout | undefined

  constructor(
    client: PooledClient,
    sent: readonly Flight[],
    neighbours: Neighbours<never>,
    onDelivered: () => void,
  ) {
    this.#client = client
    this.#sent = sent
    this.#neighbours = neighbours
    this.#onDelivered = onDelivered
  }

  get isCancelling(): boolean {
    return this.#isCancelling
  }

  /** Whether a request to cancel was sent: who comes now could be met by it. */
  get hasCancelled(): boolean {
    return this.#cancelled !== undefined
  }

  /** To be called when something was sent: looks from time to time while somebody is behind another. */
  watch(): void {
    if (this.#sent.length < 2 || this.#watching !== undefined) return
    // Answers that are there already are read before.
    const look = () => setImmediate(() => this.#look())
    this.#watching = setTimeout(look, slowMs / 2)
  }

  /** To be called when the first has its answer, and Postgres goes on to the next. */
  next(): void {
    this.#workingSince = performance.now()
    const [flight] = this.#sent
    if (flight === undefined) return
    if (this.#isCancelling) flight.isHit = true
    else if (flight.isLate) this.cancelFirst()
  }

  /** Asks Postgres to cancel what it works on, once for each transaction. */
  cancelFirst(): void {
    const [flight] = this.#sent
    if (flight === undefined || flight === this.#cancelled) return
    flight.isHit = true
    if (this.#isCancelling) return
    this.#cancelled = flight
    this.#isCancelling = true
    void cancel(this.#client, this.#neighbours.cancelTimeoutMs).then(() => {
      const [first] = this.#sent
      if (first !== undefined) first.isHit = true
      this.#isCancelling = false
      if (first?.isLate === true) this.cancelFirst()
      this.#onDelivered()
    })
  }

  stop(): void {
    clearTimeout(this.#watching)
  }

  #look(): void {
    this.#watching = undefined
    const [flight] = this.#sent
    if (flight === undefined) return
    const workedMs = performance.now() - Math.max(this.#workingSince, flight.since)
    const isSlow = workedMs > slowMs + this.#neighbours.quickestMs
    const mayMove = flight.mayMove && !flight.isLate && this.#neighbours.hasSpare()
    if (isSlow && mayMove && this.#sent.some(({ user }) => user !== flight.user)) {
      this.#neighbours.slow(flight.user)
      this.cancelFirst()
    }
    this.watch()
  }
}
