import { setTimeout as sleep } from 'node:timers/promises'
import { PostgresDialect } from 'kysely'
import { Pool } from 'pg'
import { toDatabaseError } from '#db/errors'
import { Lines, shareOf } from '#db/transports/lines'
import {
  clientConnectingWithin,
  type PooledClient,
  toLibpqModes,
} from '#db/transports/pooled-client'
import { runOn } from '#db/transports/run-on'
import type { Transport, TransportOptions } from '#db/transports/transport'

/** Of the time that is left behind the queue, what may go by until there is a connection. */
const connectShare = 0.5

/** Postgres over pooled TCP, a transaction in one round trip: see `PipelinedTransaction`. */
export function openPostgres(options: TransportOptions): Transport {
  const { poolSize, queueLimit, connectTimeoutMs } = options
  const pool = new Pool({
    connectionString: toLibpqModes(options.url),
    max: poolSize,
    connectionTimeoutMillis: options.queueTimeoutMs,
    keepAlive: true,
    Client: clientConnectingWithin(connectTimeoutMs),
  })
  // Without listeners, a connection that breaks would end the process: the pool listens to those
  // that are idle, and nobody to those that are in use.
  pool.on('error', options.onFault)
  pool.on('connect', (client) => client.on('error', () => {}))
  options.onPool?.(pool)
  const named = options.namedStatements ? new WeakMap<PooledClient, Set<string>>() : undefined
  // The pool's own queue knows no users and forgets connections that Postgres still works on, so
  // whoever asks it has a place already.
  const lines = new Lines({
    capacity: poolSize,
    userShare: shareOf(poolSize),
    // Readiness must not fail because the service is busy. A smaller pool has no connection to spare.
    reserve: poolSize < 4 ? 0 : 1,
    queueLimit,
    silentAfterMs: connectTimeoutMs / 3,
  })

  return {
    name: 'postgres',
    async transaction(statements, timeoutMs, place) {
      const end = performance.now() + timeoutMs
      const leave = await lines.enter(timeoutMs, place)
      const client = await connect(pool, (end - performance.now()) * connectShare, leave)
      return await runOn(client, statements, end - performance.now(), {
        names: namesOf(client, named),
        cancelTimeoutMs: connectTimeoutMs,
        heard: () => lines.heard(),
        leave,
      })
    },
    sessions: () => new PostgresDialect({ pool: keptOpen(pool) }),
    poolLoad: () => ({ ...lines.load(), idle: pool.idleCount }),
    // A session that a dead network holds on to must not keep the service from closing.
    close: () => Promise.race([pool.end(), sleep(connectTimeoutMs, undefined, { ref: false })]),
  }
}

/** Takes a connection, or gives up; one that comes too late goes back to the pool. */
async function connect(pool: Pool, timeoutMs: number, leave: () => void): Promise<PooledClient> {
  let timer: NodeJS.Timeout | undefined
  let isLate = false
  const connecting = pool.connect().then(
    (client) => {
      if (isLate) {
        client.release()
        leave()
      }
      return client as unknown as PooledClient
    },
    (error) => {
      leave()
      throw error
    },
  )
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      isLate = true
      reject(new Error('timeout expired'))
    }, timeoutMs)
  })
  try {
    return await Promise.race([connecting, late])
  } catch (error) {
    throw toDatabaseError(error, false)
  } finally {
    clearTimeout(timer)
  }
}

function namesOf(client: PooledClient, named: WeakMap<PooledClient, Set<string>> | undefined) {
  if (named === undefined) return undefined
  const names = named.get(client) ?? new Set<string>()
  named.set(client, names)
  return names
}

/** Kysely ends the pool it was given when it is destroyed; the transport outlives its sessions. */
function keptOpen(pool: Pool) {
  return { connect: () => pool.connect(), end: async () => {}, options: pool.options }
}
