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
    for (const flight of this.sent) if (flight.user === user) return true
    for (const flight of this.unsent) if (flight.user === user) return true
    return false
  }

  /** Writes at once what is not sent yet. @param named the statements that the client knows by name */
  send(client: PooledClient, named: Set<string> | undefined, onLate: (flight: Flight) => void) {
    const { stream } = client.connection
    stream.cork()
    for (const flight of this.unsent) {
      flight.after(patienceShare, () => onLate(flight))
      flight.since = performance.now()
      flight.transaction.named = named
      client.query(flight.transaction)
      this.sent.push(flight)
    }
    this.unsent.clear()
    stream.uncork()
  }

  /** Fails all of them, since the connection is gone. */
  fail(error: unknown): void {
    for (const { transaction } of [...this.sent, ...this.unsent]) transaction.fail(error)
    this.sent.length = 0
    this.unsent.clear()
  }
}
