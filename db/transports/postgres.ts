import { createHash } from 'node:crypto'
import type { Writable } from 'node:stream'
import { PostgresDialect } from 'kysely'
import { Pool, type PoolClient, type PoolConfig, type QueryConfig, type QueryResult } from 'pg'
import { DatabaseError, sqlStateOf, toDatabaseError } from '#db/errors'
import type { Row, Statement, Transport, TransportOptions } from '#db/transports/transport'

/**
 * Postgres over pooled TCP. `begin`, the statements and `commit` are written to the socket
 * together (`pipeline`), so that a transaction costs one round trip instead of one per statement.
 */
export function openPostgres(options: TransportOptions): Transport {
  const pool = new Pool({
    connectionString: toLibpqModes(options.url),
    max: options.poolSize,
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
    pipeline: true,
  } as PoolConfig) // `pipeline` (pg 8.23) is missing from @types/pg 8.23.1.
  // Without a listener, an idle connection that breaks would end the process.
  pool.on('error', options.onFault)
  options.onPool?.(pool)

  async function checkOut(): Promise<PoolClient> {
    if (pool.waitingCount >= options.queueLimit) {
      throw new DatabaseError('the queue for a connection is full', {
        kind: 'overloaded',
        transient: false,
        mayHaveRun: false,
      })
    }
    try {
      return await pool.connect()
    } catch (error) {
      throw toDatabaseError(error, false)
    }
  }

  return {
    name: 'postgres',
    async transaction(statements, timeoutMs) {
      const client = await checkOut()
      // `query_timeout` is missing from @types/pg; it destroys a connection that stalls.
      const commit = { text: 'commit', query_timeout: timeoutMs } as QueryConfig
      const stream = streamOf(client)
      stream.cork()
      const sent = [
        client.query('begin'),
        ...statements.map((statement) => client.query(toQuery(statement, options.namedStatements))),
        client.query(commit),
      ]
      stream.uncork()
      const [begun, ...settled] = await Promise.allSettled<QueryResult<Row>>(sent)
      const failures = [begun, ...settled].filter((result) => result?.status === 'rejected')
      const first = failures[0]
      // An error without a SQLSTATE is the connection's, which must not serve another request.
      client.release(failures.some(({ reason }) => sqlStateOf(reason) === undefined))
      if (first !== undefined) {
        // A statement that Postgres itself refused was rolled back. If only the answer to the
        // commit is missing, nobody knows.
        throw toDatabaseError(first.reason, sqlStateOf(first.reason) === undefined)
      }
      return settled
        .slice(0, -1)
        .map((result) => (result.status === 'fulfilled' ? result.value.rows : []))
    },
    sessions: () => new PostgresDialect({ pool: keptOpen(pool) }),
    close: () => pool.end(),
  }
}

/** The socket, corked while a transaction is written so that it leaves in one system call. */
function streamOf(client: PoolClient): Writable {
  // `connection` is public in pg and missing from @types/pg.
  return (client as PoolClient & { readonly connection: { readonly stream: Writable } }).connection
    .stream
}

function toQuery({ sql, parameters }: Statement, named: boolean): QueryConfig {
  const query = { text: sql, values: [...parameters] }
  return named ? { ...query, name: createHash('sha1').update(sql).digest('base64') } : query
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
