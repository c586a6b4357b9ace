interface Held {
  readonly holder: string
  readonly bytes: number
  readonly sinceMs: number
}

/**
 * What waits for clients, oldest first, and the bytes that it takes. Beyond the limit the holder who
 * has most loses the oldest, so nobody can crowd out what others have.
 */
export class HeldBytes<Thing> {
  readonly #held = new Map<Thing, Held>()
  readonly #byHolder = new Map<string, number>()
  readonly #limit: number
  readonly #giveUp: (thing: Thing) => void
  #bytes = 0

  /** @param giveUp ends a thing, and has it deleted here */
  constructor(limit: number, giveUp: (thing: Thing) => void) {
    this.#limit = limit
    this.#giveUp = giveUp
  }

  get isEmpty(): boolean {
    return this.#held.size === 0
  }

  has(thing: Thing): boolean {
    return this.#held.has(thing)
  }

  /** Notes how much a thing takes now. @param holder whose it is, where it is not known yet */
  set(thing: Thing, holder: string, bytes: number): void {
    const known = this.#held.get(thing)
    const held = { holder, sinceMs: performance.now(), ...known, bytes }
    this.#held.set(thing, held)
    this.#count(held.holder, bytes - (known?.bytes ?? 0))
    if (this.#bytes > this.#limit) this.#giveUpOldest()
  }

  delete(thing: Thing): void {
    const known = this.#held.get(thing)
    if (known !== undefined) this.#count(known.holder, -known.bytes)
    this.#held.delete(thing)
  }

  /** Gives up what waits since then, by `performance.now()`, or for longer. */
  giveUpSince(timeMs: number): void {
    for (const [thing, { sinceMs }] of this.#held) if (sinceMs <= timeMs) this.#giveUp(thing)
  }

  #count(holder: string, bytes: number): void {
    this.#bytes += bytes
    const held = (this.#byHolder.get(holder) ?? 0) + bytes
    if (held > 0) this.#byHolder.set(holder, held)
    else this.#byHolder.delete(holder)
  }

  #giveUpOldest(): void {
    const [most] = [...this.#byHolder].reduce((one, other) => (other[1] > one[1] ? other : one))
    for (const [thing, { holder }] of this.#held) {
      if (this.#bytes <= this.#limit) return
      if (holder === most) this.#giveUp(thing)
    }
  }
}
