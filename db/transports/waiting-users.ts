import type { Place } from '#db/transports/transport'

/** A transaction that waits for its turn. */
export interface Waiter<Seat> {
  readonly place: Place
  readonly go: (seat: Seat) => void
}

/** Whoever waits, in a line for each user; the users have turns, and probes go first. */
export class WaitingUsers<Seat> {
  /** The user whose turn is next comes first. */
  readonly #lines = new Map<string, Set<Waiter<Seat>>>()
  readonly #probes = new Set<Waiter<Seat>>()
  #size = 0

  /** How many wait in all lines. */
  get size(): number {
    return this.#size
  }

  /** How many wait in the line that this place is in. */
  lengthOf(place: Place): number {
    return this.#lineOf(place)?.size ?? 0
  }

  add(waiter: Waiter<Seat>): void {
    const line = this.#lineOf(waiter.place) ?? new Set()
    line.add(waiter)
    this.#size += 1
    if (line !== this.#probes) this.#lines.set(waiter.place.user, line)
  }

  remove(waiter: Waiter<Seat>): void {
    const line = this.#lineOf(waiter.place)
    if (line?.delete(waiter) !== true) return
    this.#size -= 1
    if (line.size === 0 && line !== this.#probes) this.#lines.delete(waiter.place.user)
  }

  /**
   * Takes the first for whom there is a seat out of the line, and puts the user behind all others.
   *
   * @param isFull whether only a probe can go: a thousand users may wait, and none is looked at then
   */
  takeNext(
    seatFor: (place: Place) => Seat | undefined,
    isFull = false,
  ): [waiter: Waiter<Seat>, seat: Seat] | undefined {
    for (const waiter of this.#inTurn(isFull)) {
      const seat = seatFor(waiter.place)
      if (seat === undefined) continue
      this.remove(waiter)
      const { user, isProbe } = waiter.place
      const line = this.#lines.get(user)
      if (isProbe !== true && line !== undefined) {
        this.#lines.delete(user)
        this.#lines.set(user, line)
      }
      return [waiter, seat]
    }
    return undefined
  }

  /** The first probe, and behind none the first of each user. */
  *#inTurn(isFull: boolean): Iterable<Waiter<Seat>> {
    for (const probe of this.#probes) return yield probe
    if (isFull) return
    for (const [waiter] of this.#lines.values()) if (waiter !== undefined) yield waiter
  }

  #lineOf({ user, isProbe = false }: Place): Set<Waiter<Seat>> | undefined {
    return isProbe ? this.#probes : this.#lines.get(user)
  }
}
