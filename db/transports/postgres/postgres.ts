import { EventEmitter } from 'node:events'
import { PostgresDialect } from 'kysely'
import { Pool } from 'pg'
import { toClientConfig } from '#db/connection-url'
import { type DatabaseError, isDatabaseError } from '#db/errors'
import { Connection, type Surroundings } from '#db/transports/postgres/connection'
import { Transaction } from '#db/transports/postgres/transaction'
import { type Entrant, Queue } from '#db/transports/queue'
import { checkSetting, idleMs } from '#db/transports/time-limits'
import { nobody, type Row, type Transport, type TransportOptions } from '#db/transports/transport'

/** One is on its way while the other runs. */
const userShare = 2
/** What has less time left, or less than this part of all that a request has, is not sent. */
const least = { ms: 1000, share: 1 / 8 }
/** Transactions under way on a connection: at first, at most, and how much more with an answer. */
const room = { first: 8, most: 32, perAnswer: 1 / 8 }

/**
 * Postgres over TCP or a Unix socket, a transaction in one round trip. Requests share connections:
 * the first is filled before the next is used, so that few, large writes and reads do for many.
 */
export function openPostgres(options: TransportOptions): Transport {
  const { poolSize, queueLimit, connectTimeoutMs, requestTimeoutMs } = options
  const connections = new Set<Connection>()
  /** Those of readiness probes are none of the pool's: they must not wait because others do. */
  const probing = new Set<Connection>()
  let isClosed = false
  // What a host that freezes processes knows of a pool: when a connection became idle.
  const pool = Object.assign(new EventEmitter(), { options: { idleTimeoutMillis: idleMs } })
  options.onPool?.(pool)

  const surroundings: Surroundings = {
    options,
    client: {
      ...toClientConfig(options.url),
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
    },
    room: room.first,
    leastMs: Math.min(least.ms, requestTimeoutMs * least.share),
    isChecked: true,
    answered(isSlow, wasFull) {
      queue.heard()
      if (isSlow) this.room = Math.max(1, this.room - 1)
      else if (wasFull) this.room = Math.min(room.most, this.room + room.perAnswer)
    },
    idle: () => pool.emit('release'),
    gone(connection) {
      connections.delete(connection)
      probing.delete(connection)
      queue.admit()
    },
  }

  function openInPool(): Connection | undefined {
    if (isClosed || connections.size >= poolSize) return undefined
    const connection = new Connection(surroundings)
    connections.add(connection)
    return connection
  }

  const queue = new Queue<Connection>({
    ...{ userShare, queueLimit, silentAfterMs: connectTimeoutMs / 3 },
    seat: () => connections.values().find(({ hasRoom }) => hasRoom) ?? openInPool(),
    lastSeat() {
      const all = [...connections]
      // The others keep half of the connections.
      if (all.filter(({ hasLast }) => hasLast).length >= poolSize / 2) return undefined
      const free = all.filter(({ hasRoom }) => hasRoom)
      const [emptiest] = free.sort((one, other) => one.underWay - other.underWay)
      return emptiest?.underWay === 0 ? emptiest : (openInPool() ?? emptiest)
    },
  })

  function enter(entrant: Entrant<Connection>, isLast: boolean, waitMs: number): void {
    if (entrant.place.isProbe === true) {
      const free = probing.values().find((each) => each.hasRoom && each.underWay === 0)
      const connection = free ?? new Connection(surroundings)
      probing.add(connection)
      entrant.go(connection)
    } else if (isLast) queue.enterLast(entrant, waitMs)
    else queue.enter(entrant, waitMs)
  }

  return {
    name: 'postgres',
    async transaction(statements, timeoutMs, place = nobody) {
      const end = performance.now() + timeoutMs
      let hasSeat = false
      const send = (isLast: boolean) => {
        const outcome = Promise.withResolvers<Row[][]>()
        const transaction = new Transaction(statements, end, isLast, outcome)
        transaction.isAbandoned = () => place.signal?.().aborted === true
        const go = (connection: Connection) => {
          hasSeat = place.isProbe !== true
          connection.send(transaction)
        }
        const waitMs = end - performance.now() - surroundings.leastMs
        enter({ place, go, fail: outcome.reject }, isLast, waitMs)
        return outcome.promise
      }
      try {
        return await send(false)
      } catch (error) {
        if (!isDatabaseError(error) || !mayGoLast(error)) throw error
        // Where there is no other connection in time, it is the lock that was in the way.
        return await send(true).catch((second) => {
          throw isDatabaseError(second) && second.kind === 'overloaded' ? error : second
        })
      } finally {
        if (hasSeat) queue.leave(place)
      }
    },
    sessions() {
      const sessions = new Pool({ ...surroundings.client, max: 1 })
      // Without listeners, a connection that breaks would end the process.
      sessions.on('error', options.onFault)
      sessions.on('connect', (session) => session.on('error', () => {}))
      return new PostgresDialect({ pool: sessions })
    },
    poolLoad() {
      const inUse = [...connections].filter(({ underWay }) => underWay > 0).length
      return { ...queue.load(), inUse, idle: connections.size - inUse }
    },
    async close() {
      isClosed = true
      await Promise.all([...connections, ...probing].map((connection) => connection.close()))
    },
  }

  /** Whether it was rolled back, and may be sent again with nobody behind it. */
  function mayGoLast({ sqlState = '', cause }: DatabaseError): boolean {
    // Somebody else holds a lock.
    if (sqlState === '55P03') return true
    // The server is older than Postgres 14, or runs where the setting does not exist.
    const cannotCheck = /^(?:22023|42704)$/.test(sqlState) && String(cause).includes(checkSetting)
    if (cannotCheck && surroundings.isChecked) options.onUnchecked?.(cause)
    if (cannotCheck) surroundings.isChecked = false
    return cannotCheck
  }
}
