import type { ClientConfig } from 'pg'
import { isDatabaseError, unsent } from '#db/errors'
import { Client, type Listener } from '#db/transports/postgres/client'
import type { Names, Transaction } from '#db/transports/postgres/transaction'
import { endsBackend, readError, unexpected } from '#db/transports/postgres/wire'
import { Alarm, goneMs, idleMs, patienceShare, withTimeLimits } from '#db/transports/time-limits'
import type { TransportOptions } from '#db/transports/transport'

/** What a connection needs to know of its pool and settings, and tells it. */
export interface Surroundings {
  readonly options: TransportOptions
  readonly client: ClientConfig
  /** Transactions that may be under way at once. */
  room: number
  /** A transaction that has less time left is not sent. */
  readonly leastMs: number
  isChecked: boolean
  /** An answer has come. @param wasFull whether there was no room for another transaction */
  answered(isSlow: boolean, wasFull: boolean): void
  idle(): void
  gone(connection: Connection): void
}

const abandoned = () => unsent('the client has gone', 'abandoned')
const terminated = (cause?: unknown) => new Error('connection terminated', { cause })

/**
 * A connection that carries transactions, each behind a Sync of its own: Postgres runs and answers
 * them one after the other. It owns the timers of all of them. See ADR 0063.
 */
export class Connection implements Listener {
  readonly #pool: Surroundings
  readonly #client: Client
  readonly #names: Names | undefined
  /** Postgres works on the first. */
  readonly #sent: Transaction[] = []
  readonly #unsent: Transaction[] = []
  #isOpen = false
  #isClosing = false
  #isOver = false
  #idleSince = performance.now()
  #flushing: NodeJS.Immediate | undefined
  readonly #alarm = new Alarm(() => this.#look())
  readonly #gone = Promise.withResolvers<void>()
  /** Whether nobody is put behind what is on it. */
  hasLast = false

  constructor(pool: Surroundings) {
    this.#pool = pool
    this.#names = pool.options.namedStatements ? new Map() : undefined
    this.#client = new Client(pool.client, this)
  }

  get underWay(): number {
    return this.#sent.length + this.#unsent.length
  }

  get hasRoom(): boolean {
    const isUsable = !this.#isOver && !this.#isClosing && !this.hasLast
    return isUsable && this.underWay < this.#pool.room
  }

  /** Sends a transaction, with the others of this turn of the event loop. */
  send(transaction: Transaction): void {
    this.hasLast ||= transaction.isLast
    this.#unsent.push(transaction)
    if (this.#isOpen) this.#flushing ??= setImmediate(() => this.opened())
    else this.#alarm.setAt(transaction.end - this.#pool.leastMs)
  }

  /** Closes it behind its transactions, which have as long as a connection may take to open. */
  close(): Promise<void> {
    this.#isClosing = true
    if (this.underWay === 0) this.#client.end()
    const timer = setTimeout(() => this.ended(terminated()), this.#pool.options.connectTimeoutMs)
    return this.#gone.promise.finally(() => clearTimeout(timer))
  }

  /** Writes at once what is not sent yet. */
  opened(): void {
    const hasWaited = !this.#isOpen
    this.#isOpen = true
    this.#flushing = undefined
    const now = performance.now()
    const messages: Buffer[] = []
    for (const transaction of this.#unsent.splice(0)) {
      const timeLeftMs = transaction.end - now
      if (timeLeftMs < this.#pool.leastMs) this.#refuse(transaction)
      else if (hasWaited && transaction.isAbandoned()) this.#refuse(transaction, abandoned())
      else {
        const { statements, number, isLast } = transaction
        const shared = { number, isLast, isChecked: this.#pool.isChecked }
        const limited = withTimeLimits(statements, timeLeftMs, shared)
        messages.push(...transaction.write(limited, this.#names))
        transaction.slowAt = now + timeLeftMs / 2
        transaction.cutAt = now + timeLeftMs * patienceShare
        this.#sent.push(transaction)
        this.#alarm.setAt(transaction.cutAt)
      }
    }
    if (messages.length > 0) this.#client.write(messages)
    this.#restIfIdle()
  }

  #refuse(transaction: Transaction, error = new Error('timeout expired')): void {
    this.hasLast &&= !transaction.isLast
    transaction.fail(error, false)
  }

  read(type: string, bytes: Buffer, start: number, end: number): void {
    // A notice, a notification, a setting: they may come at any time, and are of no use.
    if (this.#isOver || 'NAS'.includes(type)) return
    const [first] = this.#sent
    const error = type === 'E' ? readError(bytes, start, end) : undefined
    if (error?.severity === 'FATAL' || error?.severity === 'PANIC') {
      const isLost = !endsBackend(error)
      this.ended(isLost ? terminated(error) : error, [isLost || first?.isAnswered === true, isLost])
    } else if (first === undefined) throw unexpected(type)
    else if (error !== undefined) first.failed(error)
    else if (first.read(type, bytes, start, end)) {
      this.#pool.answered(performance.now() > first.slowAt, !this.hasRoom)
      this.#sent.shift()
      this.hasLast &&= !first.isLast
      this.#restIfIdle()
    }
  }

  mistrusted(error: unknown): void {
    this.#isClosing = true
    this.ended(isDatabaseError(error) ? error : terminated(error))
    // The request of a `DatabaseError` fails with it, and logs it.
    if (!isDatabaseError(error)) this.#pool.options.onMismatch?.(error)
  }

  /** @param doubt whether the first of those that were sent may have run, and whether the others */
  ended(error: unknown, doubt: readonly [boolean, boolean] = [true, true]): void {
    if (this.#isOver) return
    const isFault = this.underWay === 0 && this.#isOpen && !this.#isClosing
    this.#isOver = true
    this.#alarm.stop()
    clearImmediate(this.#flushing)
    this.#client.cut()
    const lost = this.#isOpen ? terminated(error) : error
    for (const transaction of this.#unsent.splice(0)) transaction.fail(lost, false)
    const settle = () => {
      this.#sent.shift()?.fail(error, doubt[0])
      for (const transaction of this.#sent.splice(0)) transaction.fail(lost, doubt[1])
      this.#pool.gone(this)
      this.#gone.resolve()
    }
    // Who is told that a write may have run must find what it did: it ends before.
    if (this.#sent.length > 0 && doubt.includes(true)) setTimeout(settle, goneMs)
    else settle()
    if (isFault) this.#pool.options.onFault(error)
  }

  #restIfIdle(): void {
    if (this.underWay > 0 || this.#isOver) return
    if (this.#isClosing) this.#client.end()
    this.#idleSince = performance.now()
    this.#alarm.setAt(this.#idleSince + idleMs)
    this.#pool.idle()
  }

  #look(): void {
    const now = performance.now()
    const isLate = this.#sent.some(({ cutAt }) => now >= cutAt)
    if (isLate) this.ended(new Error('query read timeout'))
    if (this.#isOver) return
    for (const transaction of this.#unsent.splice(0)) {
      if (now < transaction.end - this.#pool.leastMs) this.send(transaction)
      else this.#refuse(transaction)
    }
    for (const { cutAt } of this.#sent) this.#alarm.setAt(cutAt)
    if (this.underWay > 0 || this.#isClosing) return
    if (now < this.#idleSince + idleMs) this.#alarm.setAt(this.#idleSince + idleMs)
    else void this.close()
  }
}
