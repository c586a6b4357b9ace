import type { Listener } from '#db/transports/answers'
import { cancel } from '#db/transports/cancel'
import { Flight } from '#db/transports/flight'
import { Flights } from '#db/transports/flights'
import { HoldUps } from '#db/transports/hold-ups'
import type { Neighbours } from '#db/transports/neighbours'
import type { PipelinedTransaction } from '#db/transports/pipelined-transaction'
import type { PooledClient } from '#db/transports/pooled-client'

/** So many requests at most meet the fault where a connection breaks. */
const mostTransactions = 64
/** Nobody is put behind a transaction that takes longer than most do, the network not counted. */
const youngMs = 10
/** Postgres answers the Sync in one breath with an error, except where it ends the connection. */
const syncTimeoutMs = 500
/** Of the time that is left behind the queue, what may go by until there is a connection. */
const connectShare = 0.5

const terminated = () => new Error('connection terminated')

/**
 * A connection of the pool while it carries transactions, each behind a Sync of its own. Postgres
 * runs them one after the other, so whoever is behind another waits for it. See ADR 0056.
 */
export class SharedConnection implements Listener {
  readonly #neighbours: Neighbours<SharedConnection>
  /** Whether nobody else is put behind the one that it was opened for. */
  readonly isForOne: boolean
  readonly #flights = new Flights()
  /** Undefined before the connection has come about, and once it has gone. */
  #client: PooledClient | undefined
  #holdUps: HoldUps | undefined
  #hasEnded = false
  #flushing: NodeJS.Immediate | undefined
  #syncing: NodeJS.Timeout | undefined

  constructor(
    opening: Promise<PooledClient>,
    neighbours: Neighbours<SharedConnection>,
    isForOne: boolean,
  ) {
    this.#neighbours = neighbours
    this.isForOne = isForOne
    opening.then(
      (client) => this.#begin(client),
      (error) => this.broken(error),
    )
  }

  /**
   * Whether it may be expected to answer another transaction soon.
   *
   * @param now when the event loop last looked for answers
   */
  takesMore(now: number): boolean {
    const isYoung = this.#flights.ageMs(now) < youngMs + this.#neighbours.quickestMs
    return isYoung && !this.isForOne && this.isWell()
  }

  /** Whether it takes more at all. */
  isWell(): boolean {
    const isLeaving = this.#hasEnded || this.#holdUps?.hasCancelled === true
    return !isLeaving && this.#syncing === undefined && this.#flights.size < mostTransactions
  }

  carries(user: string): boolean {
    return this.#flights.haveOneOf(user)
  }

  /** Keeps a place for a call of `run` that follows. */
  reserve(): this {
    this.#flights.expected += 1
    return this
  }

  /**
   * @param mayMove whether it may be cancelled and sent again, so that those behind it go on
   * @returns undefined where it was cancelled, without effect
   * @throws DatabaseError
   */
  run(transaction: PipelinedTransaction, user: string, end: number, mayMove: boolean) {
    const flight = new Flight(transaction, user, end, mayMove)
    this.#flights.add(flight)
    if (this.#client === undefined) {
      flight.after(connectShare, () => {
        this.#flights.drop(flight)
        transaction.fail(new Error('timeout expired'))
      })
    } else {
      // What comes in one turn of the event loop is written at once.
      this.#flushing ??= setImmediate(() => this.#flush(this.#client))
    }
    return flight.outcome()
  }

  #begin(client: PooledClient): void {
    this.#client = client
    const delivered = () => this.#releaseWhenDone()
    this.#holdUps = new HoldUps(client, this.#flights.sent, this.#neighbours, delivered)
    client.tell(this)
    this.#flush(client)
    this.#releaseWhenDone()
  }

  #flush(client: PooledClient | undefined): void {
    this.#flushing = undefined
    // It may have broken before anybody listened.
    if (client?.connection.stream.destroyed) this.broken(terminated())
    else if (client !== undefined) {
      this.#flights.send(client, (flight) => this.#late(flight))
      this.#holdUps?.watch()
    }
  }

  get first(): PipelinedTransaction | undefined {
    return this.#flights.sent[0]?.transaction
  }

  failed(error: Error): void {
    this.first?.failed(error)
    this.#syncing ??= setTimeout(() => this.broken(terminated()), syncTimeoutMs)
  }

  synced(): void {
    const flight = this.#flights.takeFirst()
    if (flight === undefined) return
    clearTimeout(this.#syncing)
    this.#syncing = undefined
    this.#neighbours.answered(performance.now() - flight.since)
    flight.transaction.synced()
    this.#holdUps?.next()
    this.#releaseWhenDone()
  }

  #late(flight: Flight): void {
    flight.isLate = true
    flight.after(1, () => this.broken(new Error('query read timeout')))
    this.#holdUps?.cancelFirst()
  }

  /**
   * Ends the connection, and with it whatever is on it. It keeps its place until Postgres has been
   * asked to stop what it may still do, or cannot be reached.
   */
  broken(error: unknown): void {
    const client = this.#client
    const isBusy = this.#flights.sent.length > 0 && this.#syncing === undefined
    this.#hasEnded = true
    this.#flights.fail(error)
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
    if (client === undefined || this.#flights.size > 0 || this.#holdUps?.isCancelling) return
    this.#detach(client)
    this.#release(client)
  }

  #detach(client: PooledClient): void {
    this.#client = undefined
    this.#holdUps?.stop()
    clearImmediate(this.#flushing)
    clearTimeout(this.#syncing)
    client.tell(undefined)
  }

  #release(client: PooledClient): void {
    client.release(this.#hasEnded || this.#holdUps?.hasCancelled)
    this.#neighbours.left(this)
  }
}
