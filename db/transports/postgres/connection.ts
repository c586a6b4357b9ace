import type { ClientConfig } from 'pg'
import { isDatabaseError } from '#db/errors'
import { Client, type Listener } from '#db/transports/postgres/client'
import type { Names, Transaction } from '#db/transports/postgres/transaction'
import { endsBackend, readError, unexpected } from '#db/transports/postgres/wire'
import { goneMs, idleMs, startClock } from '#db/transports/time-limits'
import type { TransportOptions } from '#db/transports/transport'

/** How a server is reached, and what was found out about it. */
export interface Server {
  readonly options: TransportOptions
  readonly client: ClientConfig
  /** Whether it can look after its connections while it works. */
  isChecked: boolean
  /** Whether no pooler stands between; undefined before the first answer. See ADR 0073. */
  isDirect: boolean | undefined
}

/** The pool of a connection, which hears what becomes of it. */
export interface Owner {
  readonly server: Server
  /** Transactions that may be under way on a connection. */
  readonly depth: number
  opened(): void
  /** A transaction is answered, or has failed: there is room for another. */
  over(transaction: Transaction, isAnswered: boolean): void
  /** It is closed. @param hasOpened whether it could be opened */
  gone(connection: Connection, error: unknown, hasOpened: boolean): void
}

const terminated = (cause?: unknown) => new Error('connection terminated', { cause })

/**
 * A connection that carries transactions, each behind a Sync of its own: Postgres runs and answers
 * them one after the other. It owns the clock by which those that are late end with it.
 */
export class Connection implements Listener {
  readonly #owner: Owner
  readonly #client: Client
  readonly #names: Names = new Map()
  /** Postgres works on the first. */
  readonly #sent: Transaction[] = []
  /** What this turn of the event loop brings is one write. */
  readonly #unsent: Transaction[] = []
  #writing: NodeJS.Immediate | undefined
  readonly #clock = startClock(() => this.#look())
  #state: 'opening' | 'open' | 'closing' | 'over' = 'opening'
  /** When it is closed, if it is idle then, or closing. Unused, it stays no longer than those beside. */
  #closeAt = performance.now() + idleMs
  readonly #gone = Promise.withResolvers<void>()

  constructor(owner: Owner) {
    this.#owner = owner
    this.#client = new Client(owner.server.client, this)
  }

  get isOpening(): boolean {
    return this.#state === 'opening'
  }

  /** Whether Postgres has been told to close it. On a network that is silent that may take long. */
  get isLeaving(): boolean {
    return this.#state === 'closing' && this.underWay === 0
  }

  get underWay(): number {
    return this.#sent.length + this.#unsent.length
  }

  /** Whether a transaction of this user is under way on it. */
  carries(user: string): boolean {
    const isOwn = ({ place }: Transaction) => place.user === user
    return this.#sent.some(isOwn) || this.#unsent.some(isOwn)
  }

  get hasRoom(): boolean {
    return this.#state === 'open' && this.underWay < this.#owner.depth
  }

  send(transaction: Transaction): void {
    this.#unsent.push(transaction)
    this.#writing ??= setImmediate(() => this.#write())
  }

  /** Closes it behind its transactions, which have as long as a connection may take to open. */
  close(): Promise<void> {
    if (this.isOpening) this.ended(terminated())
    else if (this.#state === 'open') {
      this.#state = 'closing'
      this.#closeAt = performance.now() + this.#owner.server.options.connectTimeoutMs
      if (this.underWay === 0) this.#client.end()
    }
    return this.#gone.promise
  }

  opened(): void {
    this.#state = 'open'
    this.#owner.opened()
  }

  #write(): void {
    this.#writing = undefined
    const { depth, server } = this.#owner
    const { backend } = this.#client
    const sending = { isAlone: depth === 1, isChecked: server.isChecked, backend }
    const isNaming = server.options.namedStatements ?? server.isDirect === true
    const messages: Buffer[] = []
    for (const transaction of this.#unsent.splice(0)) {
      messages.push(...transaction.write(sending, isNaming ? this.#names : undefined))
      this.#sent.push(transaction)
    }
    this.#client.write(messages)
  }

  read(type: string, bytes: Buffer, start: number, end: number): void {
    const first = this.#sent[0]
    const error = type === 'E' ? readError(bytes, start, end) : undefined
    if (error?.severity === 'FATAL' || error?.severity === 'PANIC') {
      const isBackendOver = endsBackend(error)
      this.ended(isBackendOver ? error : terminated(error), isBackendOver)
    } else if (first === undefined) throw unexpected(type)
    else if (error !== undefined) first.takeError(error)
    else if (first.read(type, bytes, start, end)) this.#finish(first)
  }

  #finish(first: Transaction): void {
    this.#sent.shift()
    if (this.underWay === 0) {
      if (this.#state === 'closing') this.#client.end()
      else this.#closeAt = performance.now() + idleMs
    }
    this.#owner.over(first, true)
  }

  mistrusted(error: unknown): void {
    // It is told as a mismatch, and not as an idle connection that was lost as well.
    if (this.#state === 'open') this.#state = 'closing'
    this.ended(isDatabaseError(error) ? error : terminated(error))
    // The request of a `DatabaseError` fails with it, and logs it.
    if (isDatabaseError(error)) return
    // Postgres sends no such thing. It may be a pooler that stumbled over a name.
    this.#owner.server.isDirect = false
    this.#owner.server.options.onMismatch?.(error)
  }

  /** @param isBackendOver whether only what was answered may have run; the table of ADR 0063 */
  ended(error: unknown, isBackendOver = false): void {
    if (this.#state === 'over') return
    const before = this.#state
    this.#state = 'over'
    clearInterval(this.#clock)
    clearImmediate(this.#writing)
    this.#client.cut()
    if (this.underWay === 0 && before === 'open') this.#owner.server.options.onFault(error)
    const fail = (transaction: Transaction, reason: unknown, mayHaveRun: boolean) => {
      transaction.fail(reason, mayHaveRun)
      this.#owner.over(transaction, false)
    }
    for (const transaction of this.#unsent.splice(0)) fail(transaction, terminated(error), false)
    const isInDoubt = ({ isAnswered }: Transaction) => !isBackendOver || isAnswered
    const settle = () => {
      for (const [index, transaction] of this.#sent.splice(0).entries()) {
        fail(transaction, index === 0 ? error : terminated(error), isInDoubt(transaction))
      }
      this.#owner.gone(this, error, before !== 'opening')
      this.#gone.resolve()
    }
    // The client of a write in doubt looks for what it did: Postgres must be done with it before.
    if (this.#sent.some(isInDoubt)) setTimeout(settle, goneMs)
    else settle()
  }

  #look(): void {
    const now = performance.now()
    if (this.#sent.some(({ cutAt }) => now >= cutAt)) this.ended(new Error('query read timeout'))
    if (now < this.#closeAt || this.isOpening) return
    if (this.#state === 'closing') this.ended(terminated())
    else if (this.underWay === 0) void this.close()
  }
}
