import { cancel } from '#db/transports/cancel'
import { Flight } from '#db/transports/flight'
import { HoldUps } from '#db/transports/hold-ups'
import type { Neighbours } from '#db/transports/neighbours'
import type { PipelinedTransaction } from '#db/transports/pipelined-transaction'
import type { PooledClient } from '#db/transports/pooled-client'
import { patienceShare } from '#db/transports/time-limits'

/** So many requests at most meet the fault where a connection breaks. */
const mostTransactions = 64
/** Nobody is put behind a transaction that takes longer than most do, the network not counted. */
const youngMs = 10
/** Postgres answers the Sync in one breath with an error, except where it ends the connection. */
const syncTimeoutMs = 500
/** Of the time that is left behind the queue, what may go by until there is a connection. */
const connectShare = 0.5

/**
 * A connection of the pool while it carries transactions, each behind a Sync of its own. Postgres
 * runs them one after the other, so whoever is behind another waits for it. See ADR 0056.
 */
export class SharedConnection {
  readonly #neighbours: Neighbours<SharedConnection>
  readonly #unsent = new Set<Flight>()
  /** The first is the one that Postgres works on. */
  readonly #sent: Flight[] = []
  readonly #listeners: readonly [event: string, listener: (error: unknown) => void][] = [
    ['readyForQuery', () => this.#synced()],
    ['errorMessage', () => this.#expectSync()],
    ['error', (error) => this.#end(error)],
    ['end', () => this.#end(new Error('connection terminated'))],
  ]
  #reserved = 0
  /** Undefined before the connection has come about, and once it has gone. */
  #client: PooledClient | undefined
  #holdUps: HoldUps | undefined
  #hasEnded = false
  #flushing: NodeJS.Immediate | undefined
  #syncing: NodeJS.Timeout | undefined

  constructor(opening: Promise<PooledClient>, neighbours: Neighbours<SharedConnection>) {
    this.#neighbours = neighbours
    opening.then(
      (client) => this.#begin(client),
      (error) => this.#end(error),
    )
  }

  /** Whether it may be expected to answer another transaction soon. */
  takesMore(): boolean {
    const oldest = this.#sent[0] ?? first(this.#unsent)
    const ageMs = oldest === undefined ? 0 : performance.now() - oldest.since
    return ageMs < youngMs + this.#neighbours.quickestMs && this.isWell()
  }

  /** Whether it takes more at all. */
  isWell(): boolean {
    const isLeaving = this.#hasEnded || this.#holdUps?.hasCancelled === true
    return !isLeaving && this.#syncing === undefined && this.#size < mostTransactions
  }

  carries(user: string): boolean {
    for (const flight of this.#sent) if (flight.user === user) return true
    for (const flight of this.#unsent) if (flight.user === user) return true
    return false
  }

  /** Keeps a place for a call of `run` that follows. */
  reserve(): this {
    this.#reserved += 1
    return this
  }

  /**
   * @param mayMove whether it may be cancelled and sent again, so that those behind it go on
   * @returns undefined where it was cancelled, without effect
   * @throws DatabaseError
   */
  run(transaction: PipelinedTransaction, user: string, end: number, mayMove: boolean) {
    const flight = new Flight(transaction, user, end, mayMove)
    this.#reserved -= 1
    this.#unsent.add(flight)
    if (this.#client === undefined) {
      const giveUp = () => {
        this.#unsent.delete(flight)
        transaction.fail(new Error('timeout expired'))
      }
      flight.timer = setTimeout(giveUp, (end - flight.since) * connectShare)
    } else {
      // What comes in one turn of the event loop is written at once.
      this.#flushing ??= setImmediate(() => this.#flush(this.#client))
    }
    return flight.outcome()
  }

  get #size(): number {
    return this.#reserved + this.#unsent.size + this.#sent.length
  }

  #begin(client: PooledClient): void {
    this.#client = client
    const delivered = () => this.#releaseWhenDone()
    this.#holdUps = new HoldUps(client, this.#sent, this.#neighbours, delivered)
    for (const [event, listener] of this.#listeners) client.connection.on(event, listener)
    this.#flush(client)
    this.#releaseWhenDone()
  }

  #flush(client: PooledClient | undefined): void {
    this.#flushing = undefined
    if (client === undefined) return
    const named = this.#neighbours.namesOf(client)
    const { stream } = client.connection
    stream.cork()
    for (const flight of this.#unsent) {
      const patienceMs = (flight.end - performance.now()) * patienceShare
      clearTimeout(flight.timer)
      flight.timer = setTimeout(() => this.#late(flight), patienceMs)
      flight.transaction.named = named
      client.query(flight.transaction)
      this.#sent.push(flight)
    }
    this.#unsent.clear()
    stream.uncork()
    this.#holdUps?.watch()
  }

  #synced(): void {
    const flight = this.#sent.shift()
    if (flight === undefined) return
    clearTimeout(this.#syncing)
    this.#syncing = undefined
    this.#neighbours.answered(performance.now() - flight.since)
    flight.transaction.synced()
    this.#holdUps?.next()
    this.#releaseWhenDone()
  }

  #expectSync(): void {
    const end = () => this.#end(new Error('connection terminated'))
    this.#syncing ??= setTimeout(end, syncTimeoutMs)
  }

  #late(flight: Flight): void {
    flight.isLate = true
    const end = () => this.#end(new Error('query read timeout'))
    flight.timer = setTimeout(end, flight.end - performance.now())
    this.#holdUps?.cancelFirst()
  }

  /**
   * Ends the connection, and with it whatever is on it. It keeps its place until Postgres has been
   * asked to stop what it may still do, or cannot be reached.
   */
  #end(error: unknown): void {
    const client = this.#client
    const isBusy = this.#sent.length > 0 && this.#syncing === undefined
    this.#hasEnded = true
    for (const { transaction } of [...this.#sent, ...this.#unsent]) transaction.fail(error)
    this.#sent.length = 0
    this.#unsent.clear()
    if (client === undefined) {
      this.#neighbours.left(this)
      return
    }
    this.#detach(client)
    client.cut()
    const asked = isBusy ? cancel(client, this.#neighbours.cancelTimeoutMs) : Promise.resolve()
    void asked.then(() => this.#release(client))
  }

  #releaseWhenDone(): void {
    const client = this.#client
    if (client === undefined || this.#size > 0 || this.#holdUps?.isCancelling === true) return
    this.#detach(client)
    this.#release(client)
  }

  #detach(client: PooledClient): void {
    this.#client = undefined
    this.#holdUps?.stop()
    clearImmediate(this.#flushing)
    clearTimeout(this.#syncing)
    for (const [event, listener] of this.#listeners) client.connection.off(event, listener)
  }

  #release(client: PooledClient): void {
    client.release(this.#hasEnded || this.#holdUps?.hasCancelled)
    this.#neighbours.left(this)
  }
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  for (const element of set) return element
  return undefined
}
