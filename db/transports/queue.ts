import { type DatabaseError, unsent } from '#db/errors'
import type { Place, PoolLoad } from '#db/transports/transport'

/** Who asks for a seat: a connection, or whatever else a transport has few of. */
export interface Entrant<Seat> {
  readonly place: Place
  /** Takes the seat at once. */
  go(seat: Seat): void
  /** There is no seat: nothing was sent. */
  fail(error: DatabaseError): void
}

interface QueueOptions<Seat> {
  /** Of one user, transactions that have a seat or are next for one. */
  readonly userShare: number
  readonly queueLimit: number
  /** One that owes an answer for so long is away, and not busy. */
  readonly silentAfterMs: number
  /** @returns undefined where there is none. @param underWay how many have a seat */
  readonly seat: (underWay: number) => Seat | undefined
  readonly lastSeat?: () => Seat | undefined
}

/** One user has this part of the places to wait. */
const userPlaces = 1 / 4

interface User<Seat> {
  admitted: number
  waiting: number
  readonly line: Set<Waiting<Seat>>
}

interface Waiting<Seat> {
  readonly entrant: Entrant<Seat>
  readonly user: User<Seat>
  queue: Set<Waiting<Seat>>
  readonly end: () => void
}

/**
 * Gives seats to transactions, first come, first served. What goes beyond a user's share waits in
 * that user's own line, where it delays nobody else. Nobody has more than a share in the common
 * queue, so its order is fair. See ADR 0063.
 */
export class Queue<Seat> {
  readonly #options: QueueOptions<Seat>
  readonly #users = new Map<string, User<Seat>>()
  readonly #common = new Set<Waiting<Seat>>()
  readonly #last = new Set<Waiting<Seat>>()
  #underWay = 0
  #waiting = 0
  #heardAt = 0

  constructor(options: QueueOptions<Seat>) {
    this.#options = options
  }

  /**
   * Gives a seat, now or later: to be left with `leave` once the transaction is over. Else it fails
   * with a `DatabaseError`: `overloaded`, `unavailable` where the database is silent, `abandoned`.
   *
   * @param waitMs how long it may wait; with 0 or less it is refused
   */
  enter(entrant: Entrant<Seat>, waitMs: number): void {
    const name = entrant.place.user
    const user = this.#users.get(name) ?? { admitted: 0, waiting: 0, line: new Set() }
    const isAdmitted = user.admitted < this.#options.userShare
    const isNext = isAdmitted && this.#common.size === 0 && waitMs > 0
    const seat = isNext ? this.#options.seat(this.#underWay) : undefined
    const { queueLimit } = this.#options
    const isFull = this.#waiting >= queueLimit || user.waiting >= queueLimit * userPlaces
    if (seat === undefined && (waitMs <= 0 || isFull)) {
      entrant.fail(this.#refusal(waitMs > 0 ? 'too many requests wait' : 'too little time is left'))
      return
    }
    if (isAdmitted) this.#users.set(name, user)
    if (isAdmitted) user.admitted += 1
    if (seat !== undefined) this.#give(seat, entrant)
    else this.#wait(entrant, user, isAdmitted ? this.#common : user.line, waitMs)
  }

  /** Gives a seat behind which nobody is put, to who has another one. It fails like `enter`. */
  enterLast(entrant: Entrant<Seat>, waitMs: number): void {
    const user = this.#users.get(entrant.place.user)
    if (waitMs <= 0 || user === undefined) entrant.fail(this.#refusal('too little time is left'))
    else this.#wait(entrant, user, this.#last, waitMs)
  }

  /** To be called once by each that had a seat. */
  leave({ user }: Place): void {
    this.#underWay -= 1
    this.#admitNext(user)
    this.admit()
  }

  heard(): void {
    this.#heardAt = performance.now()
  }

  /** To be called when there is new room: lets go who may. */
  admit(): void {
    for (const waiting of this.#last) {
      const seat = this.#options.lastSeat?.()
      if (seat === undefined) break
      this.#remove(waiting)
      waiting.entrant.go(seat)
    }
    for (const waiting of this.#common) {
      const seat = this.#options.seat(this.#underWay)
      if (seat === undefined) break
      this.#remove(waiting)
      this.#give(seat, waiting.entrant)
    }
  }

  load(): Pick<PoolLoad, 'inUse' | 'waiting'> {
    return { inUse: this.#underWay, waiting: this.#waiting }
  }

  #give(seat: Seat, entrant: Entrant<Seat>): void {
    // Where somebody waits although nothing is under way, the database still owes an answer.
    if (this.#underWay === 0 && this.#waiting === 0) this.heard()
    this.#underWay += 1
    entrant.go(seat)
  }

  #wait(entrant: Entrant<Seat>, user: User<Seat>, queue: Set<Waiting<Seat>>, waitMs: number): void {
    const giveUp = (error: DatabaseError) => {
      this.#remove(waiting)
      if (waiting.queue === this.#common) this.#admitNext(entrant.place.user)
      entrant.fail(error)
    }
    const late = () => giveUp(this.#refusal('no connection came free in time'))
    const abandon = () => giveUp(unsent('the client has gone', 'abandoned'))
    const timer = setTimeout(late, waitMs)
    const signal = entrant.place.signal?.()
    signal?.addEventListener('abort', abandon)
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abandon)
    }
    const waiting = { entrant, user, queue, end }
    queue.add(waiting)
    user.waiting += 1
    this.#waiting += 1
    if (signal?.aborted) abandon()
    else this.admit()
  }

  #remove(waiting: Waiting<Seat>): void {
    waiting.queue.delete(waiting)
    waiting.end()
    waiting.user.waiting -= 1
    this.#waiting -= 1
  }

  /** One of the user's is over: the first of the line goes into the common queue. */
  #admitNext(name: string): void {
    const user = this.#users.get(name)
    if (user === undefined) return
    const [next] = user.line
    if (next === undefined) user.admitted -= 1
    if (user.admitted === 0) this.#users.delete(name)
    if (next === undefined) return
    user.line.delete(next)
    next.queue = this.#common
    this.#common.add(next)
  }

  #refusal(message: string): DatabaseError {
    const isSilent = performance.now() - this.#heardAt > this.#options.silentAfterMs
    return isSilent
      ? unsent('the database does not answer', 'unavailable')
      : unsent(message, 'overloaded')
  }
}
