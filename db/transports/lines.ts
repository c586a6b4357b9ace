import { DatabaseError } from '#db/errors'
import type { Place, PoolLoad } from '#db/transports/transport'
import { WaitingUsers } from '#db/transports/waiting-users'

/**
 * One user has a quarter of the connections at once, and of the places to wait: it takes four of
 * them to fill the service. More would not serve a user sooner, since each request locks the user's
 * row of the rate limit to its end.
 */
const usersWithoutRoom = 4

/** The part of `all` that one user may have at once. */
export function shareOf(all: number): number {
  return Math.max(1, Math.floor(all / usersWithoutRoom))
}

interface LinesOptions {
  /** Transactions that may be under way at once. */
  readonly capacity: number
  /** How many of them may be one user's. */
  readonly userShare: number
  /** How many are kept for probes. */
  readonly reserve: number
  /** Transactions that may wait at once. */
  readonly queueLimit: number
  /** A database that owes an answer for so long is away, and not busy. */
  readonly silentAfterMs: number
}

/** What is sent without time to be answered in makes a crowd worse. */
const queueShare = 0.75

const nobody: Place = { user: '' }

/**
 * Lets as many transactions go at once as there are connections, and the users in turn. What goes
 * beyond a user's share waits in that user's own line, where it delays nobody else.
 */
export class Lines {
  readonly #options: LinesOptions
  readonly #waiting = new WaitingUsers()
  readonly #busyUsers = new Map<string, number>()
  #underWay = 0
  #heardAt = 0

  constructor(options: LinesOptions) {
    this.#options = options
  }

  /**
   * Waits for its turn, for three quarters of the time at most.
   *
   * @returns what gives the place back, to be called once the database has nothing more to do
   * @throws DatabaseError `overloaded`, `unavailable` where the database is silent, or `abandoned`
   */
  async enter(timeoutMs: number, place: Place = nobody): Promise<() => void> {
    if (this.#mayGo(place)) this.#go(place)
    else await this.#wait(place, timeoutMs)
    return () => this.#leave(place)
  }

  /** To be called with every answer of the database. */
  heard(): void {
    this.#heardAt = performance.now()
  }

  load(): Omit<PoolLoad, 'idle'> {
    return { inUse: this.#underWay, waiting: this.#waiting.size }
  }

  #mayGo({ user, isProbe = false }: Place): boolean {
    const { capacity, reserve, userShare } = this.#options
    if (isProbe) return this.#underWay < capacity
    return this.#underWay < capacity - reserve && this.#busy(user) < userShare
  }

  #busy(user: string): number {
    return this.#busyUsers.get(user) ?? 0
  }

  #go({ user }: Place): void {
    if (this.#underWay === 0) this.heard()
    this.#underWay += 1
    this.#busyUsers.set(user, this.#busy(user) + 1)
  }

  #leave({ user }: Place): void {
    this.#underWay -= 1
    const left = this.#busy(user) - 1
    if (left === 0) this.#busyUsers.delete(user)
    else this.#busyUsers.set(user, left)
    const next = this.#waiting.takeNext((place) => this.#mayGo(place))
    if (next === undefined) return
    this.#go(next.place)
    next.go()
  }

  #wait(place: Place, timeoutMs: number): Promise<void> {
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
        go() {
          end()
          resolve()
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
    const { silentAfterMs } = this.#options
    const isSilent = this.#underWay > 0 && performance.now() - this.#heardAt > silentAfterMs
    return isSilent
      ? unsent('the database does not answer', 'unavailable')
      : unsent(message, 'overloaded')
  }
}

function unsent(message: string, kind: 'abandoned' | 'overloaded' | 'unavailable'): DatabaseError {
  return new DatabaseError(message, { kind, transient: false, mayHaveRun: false })
}
