import { setTimeout as sleep } from 'node:timers/promises'
import { PostgresDialect } from 'kysely'
import { Pool } from 'pg'
import { toClientConfig } from '#db/connection-url'
import { toDatabaseError } from '#db/errors'
import { Connections } from '#db/transports/connections'
import { Lines, nobody, userShareOf } from '#db/transports/lines'
import { PipelinedTransaction } from '#db/transports/pipelined-transaction'
import { clientConnectingWithin } from '#db/transports/pooled-client'
import type { SharedConnection } from '#db/transports/shared-connection'
import type { Statement, Transport, TransportOptions } from '#db/transports/transport'

/**
 * Postgres over pooled TCP, a transaction in one round trip: see `PipelinedTransaction`. Requests
 * share connections: see `Connections`.
 */
export function openPostgres(options: TransportOptions): Transport {
  const { poolSize, queueLimit, connectTimeoutMs, namedStatements } = options
  const pool = new Pool({
    ...toClientConfig(options.url),
    max: poolSize,
    connectionTimeoutMillis: options.queueTimeoutMs,
    keepAlive: true,
    Client: clientConnectingWithin(connectTimeoutMs, namedStatements),
  })
  // Without listeners, a connection that breaks would end the process: the pool listens to those
  // that are idle, and nobody to those that are in use.
  pool.on('error', options.onFault)
  pool.on('connect', (client) => client.on('error', () => {}))
  options.onPool?.(pool)
  const connections = new Connections({
    ...{ pool, poolSize, cancelTimeoutMs: connectTimeoutMs },
    onAnswer: () => lines.heard(),
    onRoom: () => lines.admit(),
  })
  // The pool's own queue knows no users, so whoever asks it has a place already.
  const lines = new Lines<SharedConnection>({
    userShare: userShareOf(poolSize),
    queueLimit,
    silentAfterMs: connectTimeoutMs / 3,
    isFull: () => connections.isFull(),
    seat: (place) => connections.seat(place),
  })

  return {
    name: 'postgres',
    async transaction(statements, timeoutMs, place = nobody) {
      const end = performance.now() + timeoutMs
      let transaction = pipelined(statements, end)
      let connection = await lines.enter(timeoutMs, place)
      try {
        for (let mayMove = true; ; mayMove = false) {
          const results = await connection.run(transaction, place.user, end, mayMove)
          if (results !== undefined) return results
          connection = connections.seatAside(place)
          transaction = pipelined(statements, end)
        }
      } finally {
        lines.leave(place)
      }
    },
    sessions: () => new PostgresDialect({ pool: keptOpen(pool) }),
    poolLoad: () => ({ ...lines.load(), inUse: connections.size, idle: pool.idleCount }),
    // A session that a dead network holds on to must not keep the service from closing.
    close: () => Promise.race([pool.end(), sleep(connectTimeoutMs, undefined, { ref: false })]),
  }
}

function pipelined(statements: readonly Statement[], end: number): PipelinedTransaction {
  try {
    return new PipelinedTransaction(statements, end)
  } catch (error) {
    throw toDatabaseError(error, false)
  }
}

/** Kysely ends the pool it was given when it is destroyed; the transport outlives its sessions. */
function keptOpen(pool: Pool) {
  return { connect: () => pool.connect(), end: async () => {}, options: pool.options }
}
