import type { Flight } from '#db/transports/flight'
import type { PooledClient } from '#db/transports/pooled-client'
import { patienceShare } from '#db/transports/time-limits'

/** The transactions on one connection, in the order in which they came. */
export class Flights {
  readonly unsent = new Set<Flight>()
  /** The first is the one that Postgres works on. */
  readonly sent: Flight[] = []
  /** Those that have a place, and come in a moment. */
  expected = 0
  /** How many of them each user has: it is asked for with every transaction. */
  readonly #byUser = new Map<string, number>()

  get size(): number {
    return this.expected + this.unsent.size + this.sent.length
  }

  /** For how long the oldest has been under way. */
  ageMs(now: number): number {
    const [oldest = this.unsent.values().next().value] = this.sent
    return oldest === undefined ? 0 : now - oldest.since
  }

  /** Whether one of them is this user's. */
  haveOneOf(user: string): boolean {
    return this.#byUser.has(user)
  }

  /** Adds one that had a place. */
  add(flight: Flight): void {
    this.expected -= 1
    this.unsent.add(flight)
    this.#byUser.set(flight.user, (this.#byUser.get(flight.user) ?? 0) + 1)
  }

  /** Takes out one that is not sent. */
  drop(flight: Flight): void {
    if (this.unsent.delete(flight)) this.#forget(flight)
  }

  /** Takes out the first that was sent, which has its answer. */
  takeFirst(): Flight | undefined {
    const flight = this.sent.shift()
    if (flight !== undefined) this.#forget(flight)
    return flight
  }

  /** Writes at once what is not sent yet. */
  send({ connection, named }: PooledClient, onLate: (flight: Flight) => void) {
    const messages: Buffer[] = []
    for (const flight of this.unsent) {
      flight.after(patienceShare, () => onLate(flight))
      flight.since = performance.now()
      messages.push(...flight.transaction.send(named))
      this.sent.push(flight)
    }
    this.unsent.clear()
    if (messages.length > 0) connection.stream.write(Buffer.concat(messages))
  }

  /** Fails all of them, since the connection is gone. */
  fail(error: unknown): void {
    for (const { transaction } of [...this.sent, ...this.unsent]) transaction.fail(error)
    this.sent.length = 0
    this.unsent.clear()
    this.#byUser.clear()
  }

  #forget({ user }: Flight): void {
    const left = (this.#byUser.get(user) ?? 0) - 1
    if (left > 0) this.#byUser.set(user, left)
    else this.#byUser.delete(user)
  }
}
