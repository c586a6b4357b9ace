import { DatabaseError } from '#db/errors'
import type { Place, PoolLoad } from '#db/transports/transport'
import { WaitingUsers } from '#db/transports/waiting-users'

/** One user has a quarter of the connections, and of the places to wait: it takes four to fill them. */
const usersWithoutRoom = 4

/** The part of `all` that one user may have at once. */
export function shareOf(all: number): number {
  return Math.max(1, Math.floor(all / usersWithoutRoom))
}

/**
 * How many transactions of one user may be under way at once: a share, so that the others find room.
 * There are two at least, so that one is on its way while the other runs.
 */
export function userShareOf(poolSize: number): number {
  return Math.max(2, shareOf(poolSize))
}

interface LinesOptions<Seat> {
  /** How many transactions of one user may be under way at once. */
  readonly userShare: number
  /** Transactions that may wait at once. */
  readonly queueLimit: number
  /** A database that owes an answer for so long is away, and not busy. */
  readonly silentAfterMs: number
  /**
   * Takes the room that there is.
   *
   * @param underWay how many transactions are under way already
   * @returns undefined where there is none
   */
  readonly seat: (place: Place, underWay: number) => Seat | undefined
  /** Whether there is room for nobody but a probe. */
  readonly isFull?: () => boolean
}

/** What is sent without time to be answered in makes a crowd worse. */
const queueShare = 0.75

/** Whose a transaction is that nobody in particular asked for. */
export const nobody: Place = { user: '' }

/**
 * Lets transactions go while there is room for them, and the users in turn. What goes beyond a
 * user's share waits in that user's own line, where it delays nobody else.
 */
export class Lines<Seat> {
  readonly #options: LinesOptions<Seat>
  readonly #waiting = new WaitingUsers<Seat>()
  readonly #busyUsers = new Map<string, number>()
  #underWay = 0
  #heardAt = 0

  constructor(options: LinesOptions<Seat>) {
    this.#options = options
  }

  /**
   * Waits for its turn, for three quarters of the time at most.
   *
   * @returns the seat, to be left with `leave` once the transaction is over
   * @throws DatabaseError `overloaded`, `unavailable` where the database is silent, or `abandoned`
   */
  enter(timeoutMs: number, place: Place): Seat | Promise<Seat> {
    // Room may have come about by time alone. It belongs to those who wait already.
    this.admit()
    return this.#seat(place) ?? this.#wait(place, timeoutMs)
  }

  leave({ user }: Place): void {
    this.#underWay -= 1
    const left = this.#busy(user) - 1
    if (left === 0) this.#busyUsers.delete(user)
    else this.#busyUsers.set(user, left)
    this.admit()
  }

  /** To be called with every answer of the database. */
  heard(): void {
    this.#heardAt = performance.now()
  }

  /** To be called when there is new room: lets go who may. */
  admit(): void {
    while (this.#waiting.size > 0) {
      const next = this.#waiting.takeNext((place) => this.#seat(place), this.#options.isFull?.())
      if (next === undefined) return
      const [waiter, seat] = next
      waiter.go(seat)
    }
  }

  load(): Pick<PoolLoad, 'inUse' | 'waiting'> {
    return { inUse: this.#underWay, waiting: this.#waiting.size }
  }

  #busy(user: string): number {
    return this.#busyUsers.get(user) ?? 0
  }

  #seat(place: Place): Seat | undefined {
    const busy = this.#busy(place.user)
    if (place.isProbe !== true && busy >= this.#options.userShare) return undefined
    const seat = this.#options.seat(place, this.#underWay)
    if (seat === undefined) return undefined
    // Where somebody waits although nothing is under way, the database still owes an answer.
    if (this.#underWay === 0 && this.#waiting.size === 0) this.heard()
    this.#underWay += 1
    this.#busyUsers.set(place.user, busy + 1)
    return seat
  }

  #wait(place: Place, timeoutMs: number): Promise<Seat> {
    const { queueLimit } = this.#options
    if (this.#waiting.size >= queueLimit) throw this.#refusal('too many requests wait')
    if (this.#waiting.lengthOf(place) >= shareOf(queueLimit)) {
      throw this.#refusal('too many requests of one user wait')
    }
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abandon)
      }
      const giveUp = (error: DatabaseError) => {
        this.#waiting.remove(waiter)
        end()
        reject(error)
      }
      const waiter = {
        place,
        go(seat: Seat) {
          end()
          resolve(seat)
        },
      }
      const abandon = () => giveUp(unsent('the client has gone', 'abandoned'))
      const late = () => giveUp(this.#refusal('no connection came free in time'))
      const timer = setTimeout(late, timeoutMs * queueShare)
      const signal = place.signal?.()
      signal?.addEventListener('abort', abandon)
      this.#waiting.add(waiter)
      if (signal?.aborted) abandon()
    })
  }

  #refusal(message: string): DatabaseError {
    const isSilent = performance.now() - this.#heardAt > this.#options.silentAfterMs
    return isSilent
      ? unsent('the database does not answer', 'unavailable')
      : unsent(message, 'overloaded')
  }
}

function unsent(message: string, kind: 'abandoned' | 'overloaded' | 'unavailable'): DatabaseError {
  return new DatabaseError(message, { kind, transient: false, mayHaveRun: false })
}
