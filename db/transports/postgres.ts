import { setTimeout as sleep } from 'node:timers/promises'
import { PostgresDialect } from 'kysely'
import { Client, type ClientBase, type ClientConfig, Pool, type PoolClient } from 'pg'
import { DatabaseError, sqlStateOf, toDatabaseError } from '#db/errors'
import { PipelinedTransaction } from '#db/transports/pipelined-transaction'
import type { Row, Statement, Transport, TransportOptions } from '#db/transports/transport'

/** Postgres over pooled TCP, a transaction in one round trip: see `PipelinedTransaction`. */
export function openPostgres(options: TransportOptions): Transport {
  const pool = new Pool({
    connectionString: toLibpqModes(options.url),
    max: options.poolSize,
    connectionTimeoutMillis: options.queueTimeoutMs,
    keepAlive: true,
    Client: connectingWithin(options.connectTimeoutMs),
  })
  // Without listeners, a connection that breaks would end the process: the pool listens to those
  // that are idle, and nobody to those that are in use.
  pool.on('error', options.onFault)
  pool.on('connect', (client) => client.on('error', () => {}))
  options.onPool?.(pool)
  const named = options.namedStatements ? new WeakMap<ClientBase, Set<string>>() : undefined

  return {
    name: 'postgres',
    async transaction(statements, timeoutMs) {
      const end = performance.now() + timeoutMs
      if (pool.waitingCount >= options.queueLimit) throw overloaded('the queue is full')
      const client = await checkOut(pool, timeoutMs)
      return await run(client, statements, end - performance.now(), namesOf(client, named))
    },
    sessions: () => new PostgresDialect({ pool: keptOpen(pool) }),
    poolLoad: () => ({
      inUse: pool.totalCount - pool.idleCount,
      idle: pool.idleCount,
      waiting: pool.waitingCount,
    }),
    // A session that a dead network holds on to must not keep the service from closing.
    close: () =>
      Promise.race([pool.end(), sleep(options.connectTimeoutMs, undefined, { ref: false })]),
  }
}

/** Takes a connection, or gives up; one that comes too late goes back to the pool. */
async function checkOut(pool: Pool, timeoutMs: number): Promise<PoolClient> {
  let timer: NodeJS.Timeout | undefined
  const connecting = pool.connect()
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      connecting.then(
        (client) => client.release(),
        () => {}, // Nobody waits for it any more.
      )
      reject(overloaded('no connection came free in time'))
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

async function run(
  client: PoolClient,
  statements: readonly Statement[],
  timeoutMs: number,
  named: Set<string> | undefined,
): Promise<Row[][]> {
  const transaction = new PipelinedTransaction(statements, named)
  let isUsable = true
  const timer = setTimeout(() => {
    isUsable = false
    transaction.handleError(new Error('query read timeout'))
  }, timeoutMs)
  try {
    client.query(transaction)
    return await transaction.results
  } catch (error) {
    // An error without a SQLSTATE is the connection's, which must not serve another request.
    const sqlState = sqlStateOf(error)
    isUsable &&= sqlState !== undefined
    if (named !== undefined && staleNames.includes(sqlState ?? '')) {
      // With the names forgotten, the next attempt gives them anew.
      named.clear()
      const meaning = { kind: 'internal', transient: true, mayHaveRun: false } as const
      throw new DatabaseError(`SQLSTATE ${sqlState}`, { ...meaning, sqlState, cause: error })
    }
    throw toDatabaseError(error, mayHaveRun(error, transaction.answered === statements.length))
  } finally {
    clearTimeout(timer)
    client.release(!isUsable)
  }
}

/** Said of a named statement that returns something else since a migration, or that a pooler lost. */
const staleNames = ['0A000', '26000']

/**
 * What Postgres refused was rolled back. Nobody knows the end of a transaction whose connection
 * broke (class 08 is a pooler's word for that), or whose every statement was answered before
 * Postgres was shut down.
 */
function mayHaveRun(error: unknown, isAnswered: boolean): boolean {
  const sqlState = sqlStateOf(error)
  if (sqlState === undefined) {
    return !(error instanceof Error && /is not queryable/.test(error.message))
  }
  return sqlState.startsWith('08') || (isAnswered && sqlState.startsWith('57P'))
}

function namesOf(client: ClientBase, named: WeakMap<ClientBase, Set<string>> | undefined) {
  if (named === undefined) return undefined
  const names = named.get(client) ?? new Set<string>()
  named.set(client, names)
  return names
}

function overloaded(message: string): DatabaseError {
  return new DatabaseError(message, { kind: 'overloaded', transient: false, mayHaveRun: false })
}

/** The pool has one setting for waiting in its queue and for connecting; they are different. */
function connectingWithin(connectTimeoutMs: number) {
  return class extends Client {
    constructor(config?: ClientConfig) {
      super({ ...config, connectionTimeoutMillis: connectTimeoutMs })
    }
  }
}

/**
 * `sslmode=require` encrypts without checking the certificate's name, as libpq and every provider
 * that hands out such a URL mean it; pg reads it as `verify-full` unless told.
 */
function toLibpqModes(url: string): string {
  const parsed = new URL(url)
  if (parsed.searchParams.has('sslmode') && !parsed.searchParams.has('uselibpqcompat')) {
    parsed.searchParams.set('uselibpqcompat', 'true')
  }
  return parsed.toString()
}

/** Kysely ends the pool it was given when it is destroyed; the transport outlives its sessions. */
function keptOpen(pool: Pool) {
  return { connect: () => pool.connect(), end: async () => {}, options: pool.options }
}
