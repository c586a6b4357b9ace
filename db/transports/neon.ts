import type { EventEmitter } from 'node:events'
import { NeonDbError, neon, Pool } from '@neondatabase/serverless'
import { PostgresDialect, type PostgresPool } from 'kysely'
import { withoutRootCertificate } from '#db/connection-url'
import { DatabaseError, isDatabaseError, sqlStateOf, toDatabaseError } from '#db/errors'
import { Queue } from '#db/transports/queue'
import { unconnected, withTimeLimits } from '#db/transports/time-limits'
import { nobody, type Row, type Transport, type TransportOptions } from '#db/transports/transport'

/** Of the time that a request has, what it may wait for its turn. */
const queueShare = 0.75

/**
 * How many transactions of one user may be under way at once. There are no connections to share out,
 * so it is what a browser sends at once to one host, and some more.
 */
const userShare = 8

/**
 * Neon over HTTP: a transaction is one `fetch`, and there is no connection to keep, so it suits
 * functions that are frozen between requests. Migrations need a session and use its WebSocket pool.
 */
export function openNeon(options: TransportOptions): Transport {
  const sql = neon(options.url)
  const queue = new Queue<true>({
    ...options,
    userShare,
    findSlot: (_, underWay) => underWay < options.queueLimit || undefined,
  })

  return {
    name: 'neon',
    async transaction(statements, timeoutMs, place = nobody) {
      const end = performance.now() + timeoutMs
      await new Promise<true>((go, fail) =>
        queue.enter({ place, go, fail }, timeoutMs * queueShare),
      )
      try {
        const timeLeftMs = end - performance.now()
        const number = crypto.randomUUID()
        const limited = withTimeLimits(statements, timeLeftMs, unconnected, number)
        const queries = limited.map(({ sql: text, parameters }) => sql.query(text, [...parameters]))
        const results = (await sql.transaction(queries, {
          // A redirect would be sent the password.
          fetchOptions: {
            redirect: 'manual',
            signal: AbortSignal.timeout(Math.ceil(timeLeftMs)),
          },
        })) as Row[][]
        const isOwn = results.length === limited.length && results[0]?.[0]?.['text'] === number
        if (!isOwn) throw new DatabaseError('an answer to another transaction', unmatched)
        queue.heard()
        return results.slice(-statements.length)
      } catch (error) {
        if (sqlStateOf(error) !== undefined) queue.heard()
        if (error instanceof NeonDbError) {
          // The log follows causes, to the network's own code.
          error.cause = error.sourceError
          throw toDatabaseError(error, mayHaveRun(error))
        }
        if (isDatabaseError(error)) throw error
        // What is said of JSON repeats a part of it.
        const cause = error instanceof SyntaxError ? undefined : error
        throw new DatabaseError('an answer that cannot be read', { ...unmatched, cause })
      } finally {
        queue.leave(place)
      }
    },
    sessions() {
      const pool = new Pool({ connectionString: withoutRootCertificate(options.url), max: 1 })
      // Without listeners, a connection that breaks would end the process.
      pool.on('error', options.onFault)
      pool.on('connect', (client: EventEmitter) => client.on('error', () => {}))
      // kysely 0.29 expects `connect()` to resolve to a client; Neon's types say void, its code a client.
      return new PostgresDialect({ pool: pool as unknown as PostgresPool })
    },
    poolLoad: () => ({ ...queue.load(), idle: 0 }),
    close: async () => {},
  }
}

/** An answer of a proxy that is not whole, or belongs to another request, says nothing of this one. */
const unmatched = { kind: 'unavailable', transient: true, mayHaveRun: true } as const

/**
 * What Postgres refused was rolled back, and what never reached it has changed nothing. Of a
 * compute that was shut down, or an answer that was lost, nobody knows.
 */
function mayHaveRun(error: NeonDbError): boolean {
  const sqlState = sqlStateOf(error)
  if (sqlState !== undefined) return /^(08|57P0[12])/.test(sqlState)
  const cause = error.sourceError?.cause
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return !neverReached.test(error.message) && !neverConnected.test(String(code))
}

/** What Node says where there is no connection, or none that it trusts. */
const neverConnected =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT)$|CERT_|SELF_SIGNED|UNABLE_TO_/

/** What Neon's proxy says before it has a compute to send statements to. */
const neverReached =
  /couldn't connect to compute node|control plane request failed|failed to acquire permit|http status 429/i
