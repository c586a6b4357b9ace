import { EventEmitter } from 'node:events'
import { PostgresDialect } from 'kysely'
import { Pool as Sessions } from 'pg'
import { toClientConfig } from '#db/connection-url'
import { type DatabaseError, isDatabaseError, toDatabaseError, unsent } from '#db/errors'
import { Connection, type Owner, type Server } from '#db/transports/postgres/connection'
import { Transaction } from '#db/transports/postgres/transaction'
import { Queue } from '#db/transports/queue'
import { checkSetting, idleMs, longestWaitMs, readsMs, stepMs } from '#db/transports/time-limits'
import {
  nobody,
  type Place,
  type Statement,
  type Transport,
  type TransportOptions,
} from '#db/transports/transport'

const depth = 16 // transactions under way on a connection
const full = '53300' // SQLSTATE too_many_connections
const closed = () => unsent('the connections to the database are closed', 'unavailable')

class Pool implements Owner {
  readonly server: Server
  readonly depth: number
  readonly #connections = new Set<Connection>()
  readonly #queue: Queue<Connection>
  readonly #most: number
  // Until then, by `performance.now()`:
  #enoughUntil = 0 // writes do with the connections that have room
  #refusedUntil = 0 // everybody does with those that are there, unless they are stuck
  #readsUntil = 0 // the first is left to reads
  #isClosed = false
  readonly opened = () => this.#queue.admit()

  /** @param userShare one transaction is on its way while the other runs */
  constructor(server: Server, most: number, depth: number, userShare = 2) {
    this.server = server
    this.depth = depth
    this.#most = most
    const findSlot = (place: Place, _: number, isFirst: boolean) => this.#find(place, isFirst)
    this.#queue = new Queue({ ...server.options, userShare, findSlot })
  }

  send(statements: readonly Statement[], end: number, place: Place) {
    const transaction = new Transaction(statements, end, place)
    if (this.#isClosed) transaction.fail(closed())
    else this.#queue.enter(transaction, longestWaitMs(end, this.server.options))
    return transaction.outcome.promise
  }

  over({ place, isDirect }: Transaction, isAnswered: boolean): void {
    // A pooler that was met once stays.
    if (this.server.isDirect !== false) this.server.isDirect = isDirect ?? this.server.isDirect
    if (isAnswered) this.#queue.heard()
    this.#queue.leave(place)
  }

  gone(connection: Connection, error: unknown, hasOpened: boolean): void {
    this.#connections.delete(connection)
    if (!hasOpened) this.#refusedUntil = performance.now() + this.server.options.connectTimeoutMs
    const isNeeded = !hasOpened && !this.#hasOther()
    if (isNeeded) this.#queue.failNext(this.depth, toDatabaseError(error, false))
    else if (!hasOpened && !this.#isClosed) this.server.options.onRefused?.(error)
    this.#queue.admit()
  }

  load() {
    const inUse = [...this.#connections].filter(({ underWay }) => underWay > 0).length
    return { ...this.#queue.load(), inUse, idle: this.#connections.size - inUse }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#queue.failNext(Number.POSITIVE_INFINITY, closed())
    await Promise.all([...this.#connections].map((connection) => connection.close()))
  }

  /**
   * Reads fill the first connection with room: few, large messages do for many. Commits wait for the
   * disk one after the other, so a write goes to the emptiest, the first counted as half full beside
   * reads, or has another opened. What a user sends while another of theirs is under way goes behind.
   */
  #find({ user, isWrite }: Place, isFirst: boolean): Connection | undefined {
    const now = performance.now()
    if (!isWrite) this.#readsUntil = now + readsMs
    let found: Connection | undefined
    let more = now < this.#readsUntil ? this.depth / 2 : 0
    for (const each of this.#connections) {
      if (!each.hasRoom) continue
      if (!isFirst && each.carries(user)) return each
      if (found === undefined) found = each
      else if (isWrite && each.underWay <= found.underWay + more) [found, more] = [each, 0]
      if (isFirst && !isWrite) return found
    }
    const isEnough = found?.underWay === 0 || !isWrite || now < this.#enoughUntil
    if (found !== undefined && !isEnough) this.#enoughUntil = now + stepMs
    if (found === undefined || !isEnough) this.#open()
    return found
  }

  /** Opens a connection, unless those that are being opened have room for all who wait. */
  #open(): void {
    const staying = [...this.#connections].filter(({ isLeaving }) => !isLeaving)
    const coming = staying.filter(({ isOpening }) => isOpening).length * this.depth
    const isEnough = coming >= this.#queue.load().waiting || staying.length >= this.#most
    const isRefused = performance.now() < this.#refusedUntil && this.#hasOther()
    if (!isEnough && !isRefused) this.#connections.add(new Connection(this))
  }

  /** Whether one has room, or soon will: not if it is stuck, or carries one that may take seconds. */
  #hasOther(): boolean {
    const least = this.#queue.isSilent() ? this.depth : 1
    return this.#connections.values().some(({ hasRoom, underWay }) => hasRoom || underWay > least)
  }
}

/** Postgres over TCP or a Unix socket, a transaction in one round trip. See ADR 0063. */
export function openPostgres(options: TransportOptions): Transport {
  const { url, poolSize, connectTimeoutMs: connectionTimeoutMillis } = options
  const client = { ...toClientConfig(url), connectionTimeoutMillis, keepAlive: true }
  const server: Server = { options, client, isChecked: true, isDirect: undefined }
  const shared = new Pool(server, poolSize, depth)
  /** For transactions that met a lock, or may take long: nobody is behind them. A user has one. */
  const alone = new Pool(server, Math.ceil(poolSize / 2), 1, 1)
  /** For readiness probes, which must not wait because others do. */
  const probes = new Pool(server, 2, 1)
  /** What a host that freezes processes knows of a pool: when connections may have become idle. */
  const events = Object.assign(new EventEmitter(), { options: { idleTimeoutMillis: idleMs } })
  options.onPool?.(events)
  return {
    name: 'postgres',
    async transaction(statements, timeoutMs, place = nobody) {
      const end = performance.now() + timeoutMs
      const send = (pool: Pool) => pool.send(statements, end, place)
      const own = (place.isProbe && probes) || (place.isLong && alone) || shared
      try {
        return await send(own)
      } catch (error) {
        if (!isDatabaseError(error)) throw error
        // The login or the server has no more connections: those that are there do.
        if (own !== shared && error.sqlState === full) return await send(shared)
        if (!mayGoAlone(error)) throw error
        return await send(alone).catch((second) => {
          const { kind, sqlState } = toDatabaseError(second, false)
          // Where there is no other connection in time, it is the lock that was in the way.
          throw kind === 'overloaded' || sqlState === full ? error : second
        })
      } finally {
        // Not where a connection reads: the host would believe it of the request that opened that.
        events.emit('release')
      }
    },
    sessions() {
      const sessions = new Sessions({ ...client, max: 1 })
      // Without listeners, a connection that breaks would end the process.
      sessions.on('error', options.onFault)
      sessions.on('connect', (session) => session.on('error', () => {}))
      return new PostgresDialect({ pool: sessions })
    },
    poolLoad() {
      const [one, other] = [shared.load(), alone.load()]
      const waiting = one.waiting + other.waiting
      return { inUse: one.inUse + other.inUse, idle: one.idle + other.idle, waiting }
    },
    async close() {
      await Promise.all([shared, alone, probes].map((pool) => pool.close()))
    },
  }

  /** Whether it was rolled back, and may be sent again where nobody is behind it. */
  function mayGoAlone({ sqlState = '', cause }: DatabaseError): boolean {
    // Somebody else holds a lock.
    if (sqlState === '55P03') return true
    // The server is older than Postgres 14, or runs where the setting does not exist.
    const cannotCheck = /^(?:22023|42704)$/.test(sqlState) && String(cause).includes(checkSetting)
    if (cannotCheck && server.isChecked) options.onUnchecked?.(cause)
    if (cannotCheck) server.isChecked = false
    return cannotCheck
  }
}
