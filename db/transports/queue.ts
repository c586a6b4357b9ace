import { type DatabaseError, unsent } from '#db/errors'
import { startClock } from '#db/transports/time-limits'
import type { Place, PoolLoad, TransportOptions } from '#db/transports/transport'

/** A transaction that needs a slot: room on a connection, or what else a transport has few of. */
export interface QueuedTransaction<Slot> {
  readonly place: Place
  /** Takes the slot at once. */
  go(slot: Slot): void
  /** There is no slot: nothing was sent. */
  fail(error: DatabaseError): void
}

interface QueueOptions<Slot> extends Pick<TransportOptions, 'queueLimit' | 'connectTimeoutMs'> {
  /** Of one user, transactions that have a slot or are next for one. */
  readonly userShare: number
  /** @param isFirst whether no other of the user has a slot or is next. @returns undefined for none */
  readonly findSlot: (place: Place, underWay: number, isFirst: boolean) => Slot | undefined
}

/** The part of `queueLimit` that may wait in the line of one user. */
const lineShare = 1 / 4
/** A database that owes an answer for this part of `connectTimeoutMs` is away, and not busy. */
const silentShare = 1 / 3

interface User<Slot> {
  /** Those that have a slot or wait in the common queue. */
  admitted: number
  /** An array, since a `Set` that shrinks keeps what has left it in memory for long. */
  readonly line: Waiting<Slot>[]
}

interface Waiting<Slot> {
  readonly transaction: QueuedTransaction<Slot>
  readonly until: number
}

/**
 * Gives slots to transactions, first come, first served. What goes beyond a user's share waits in
 * that user's own line, where it delays nobody else. Nobody has more than a share in the common
 * queue, so its order is fair. It owns the clock of those that wait. See ADR 0063.
 */
export class Queue<Slot> {
  readonly #options: QueueOptions<Slot>
  readonly #users = new Map<string, User<Slot>>()
  readonly #common: Waiting<Slot>[] = []
  #clock: NodeJS.Timeout | undefined
  #underWay = 0
  #waiting = 0
  #silentFrom = 0
  /** Whether the database is away, and not busy. */
  readonly isSilent = () => performance.now() > this.#silentFrom

  constructor(options: QueueOptions<Slot>) {
    this.#options = options
  }

  /**
   * Gives a slot, now or later: to be left with `leave` once the transaction is over. Else it fails
   * with a `DatabaseError`: `overloaded`, `unavailable` where the database is silent, `abandoned`.
   *
   * @param waitMs how long it may wait; with 0 or less it is refused
   */
  enter(transaction: QueuedTransaction<Slot>, waitMs: number): void {
    if (waitMs <= 0) {
      transaction.fail(this.#refusal('too little time is left'))
      return
    }
    const { user: name } = transaction.place
    const user = this.#users.get(name) ?? { admitted: 0, line: [] }
    if (this.#underWay + this.#waiting === 0) this.heard() // It owes nothing yet.
    this.#users.set(name, user)
    const waiting = { transaction, until: performance.now() + waitMs }
    user.line.push(waiting)
    this.#waiting += 1
    this.#admitNext(user)
    this.admit()
    const { queueLimit } = this.#options
    const isFull = this.#waiting > queueLimit || user.line.length > queueLimit * lineShare
    if (isFull) this.#giveUp(waiting, this.#refusal('too many requests wait'))
    else if (this.#waiting > 0) this.#clock ??= startClock(() => this.#look())
  }

  /** To be called once by each that had a slot. */
  leave({ user: name }: Place): void {
    this.#underWay -= 1
    this.#dismiss(name)
    this.admit()
  }

  /** The database has answered. */
  heard(): void {
    this.#silentFrom = performance.now() + this.#options.connectTimeoutMs * silentShare
  }

  /** To be called when there is new room: lets go who may. */
  admit(): void {
    for (let waiting = this.#common[0]; waiting !== undefined; waiting = this.#common[0]) {
      if (performance.now() >= waiting.until) {
        // The process was busy, and nobody has looked yet.
        this.#timeOut(waiting)
        continue
      }
      const { place } = waiting.transaction
      const isFirst = this.#users.get(place.user)?.admitted === 1
      const slot = this.#options.findSlot(place, this.#underWay, isFirst)
      if (slot === undefined) return
      this.#common.shift()
      this.#waiting -= 1
      this.#underWay += 1
      waiting.transaction.go(slot)
    }
  }

  /** Fails those that have waited longest, because the room for so many did not come about. */
  failNext(count: number, error: DatabaseError): void {
    for (const waiting of this.#everybody().slice(0, count)) this.#giveUp(waiting, error)
  }

  load(): Pick<PoolLoad, 'inUse' | 'waiting'> {
    return { inUse: this.#underWay, waiting: this.#waiting }
  }

  /** Fails those whose time is over, or whose client has gone. */
  #look(): void {
    const now = performance.now()
    for (const waiting of this.#everybody()) {
      if (now >= waiting.until) this.#timeOut(waiting)
      else if (waiting.transaction.place.signal?.().aborted)
        this.#giveUp(waiting, unsent('the client has gone', 'abandoned'))
    }
    this.admit() // Another connection may be tried by now, and nobody else may come.
    if (this.#waiting > 0) return
    clearInterval(this.#clock)
    this.#clock = undefined
  }

  #everybody(): Waiting<Slot>[] {
    return [this.#common, ...this.#users.values().map(({ line }) => line)].flat()
  }

  #timeOut(waiting: Waiting<Slot>): void {
    // Where nothing is under way, no connection came about in all that time.
    this.#giveUp(waiting, this.#refusal('no connection came free in time', this.#underWay === 0))
  }

  #giveUp(waiting: Waiting<Slot>, error: DatabaseError): void {
    const name = waiting.transaction.place.user
    const isCommon = this.#common.includes(waiting)
    const queue = isCommon ? this.#common : (this.#users.get(name)?.line ?? [])
    queue.splice(queue.indexOf(waiting), 1)
    this.#waiting -= 1
    if (isCommon) this.#dismiss(name)
    waiting.transaction.fail(error)
  }

  /** One that was admitted is over. */
  #dismiss(name: string): void {
    const user = this.#users.get(name)
    if (user === undefined) return
    user.admitted -= 1
    this.#admitNext(user)
    if (user.admitted === 0) this.#users.delete(name)
  }

  /** The first of a user's line goes into the common queue, where the user has less than a share. */
  #admitNext(user: User<Slot>): void {
    const [next] = user.line
    if (next === undefined || user.admitted >= this.#options.userShare) return
    user.line.shift()
    this.#common.push(next)
    user.admitted += 1
  }

  #refusal(message: string, isAway = false): DatabaseError {
    return isAway || this.isSilent()
      ? unsent('the database does not answer', 'unavailable')
      : unsent(message, 'overloaded')
  }
}
