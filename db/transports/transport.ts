import type { Dialect } from 'kysely'

/** One SQL statement with its parameters, as Kysely compiles it. */
export interface Statement {
  readonly sql: string
  readonly parameters: readonly unknown[]
  /** It is one `select` of `set_config`, and waits for nothing; see `withTimeLimits`. */
  readonly onlySets?: true | undefined
  /** The user whom each of its rows must name as its `user_id`; the third wall, ADR 0064. */
  readonly owner?: string | undefined
}

export type Row = Record<string, unknown>

/** What a transport needs to know, resolved once when the database is opened. */
export interface TransportOptions {
  readonly url: string
  /** Connections that are open at most (`pg` only). */
  readonly poolSize: number
  /** Requests that may wait for a connection; more are refused as `overloaded`. */
  readonly queueLimit: number
  /** How long a connection may take to come about (`pg` only). */
  readonly connectTimeoutMs: number
  /** How long a request may take in the database, with all its waits and attempts (`pg` only). */
  readonly requestTimeoutMs: number
  /**
   * Statements keep a name on their connection, so that Postgres parses them once (`pg` only).
   * Undefined: where no pooler stands between.
   */
  readonly namedStatements?: boolean | undefined
  /** Called with the pool, so that a host which freezes processes can close idle connections. */
  readonly onPool?: ((pool: object) => void) | undefined
  /** Called for a fault that belongs to no request, such as an idle connection that broke. */
  readonly onFault: (error: unknown) => void
  /** Called where no further connection could be opened, so that those that are there do (`pg` only). */
  readonly onRefused?: ((error: unknown) => void) | undefined
  /** Called where a server sent what cannot be believed: the connection is closed (`pg` only). */
  readonly onMismatch?: ((error: unknown) => void) | undefined
  /** Called where a server cannot look after its connections; see ADR 0063 (`pg` only). */
  readonly onUnchecked?: ((error: unknown) => void) | undefined
}

/** Whose work a transaction is, which decides how it waits for a connection; see `Queue`. */
export interface Place {
  /** Work of the same user waits in that user's own line. */
  readonly user: string
  /** The service asks for itself whether it is ready: this waits for nobody. */
  readonly isProbe?: boolean
  /** Its commit waits for the disk, and those behind it on a connection wait as well (`pg` only). */
  readonly isWrite?: boolean
  /** It may take a second by itself, so nobody is to wait behind it (`pg` only). */
  readonly isLong?: boolean | undefined
  /** Aborts where the client has gone. What waits is then not sent; it is asked for only then. */
  readonly signal?: (() => AbortSignal) | undefined
}

/** The place of work that belongs to no user. */
export const nobody: Place = { user: '' }

/** How busy a transport is. */
export interface PoolLoad {
  readonly inUse: number
  readonly idle: number
  /** Requests that wait for a connection. */
  readonly waiting: number
}

/** The one thing that differs between databases: how statements get there. */
export interface Transport {
  readonly name: 'neon' | 'postgres' | 'pglite'
  /**
   * Runs the statements as one transaction in one network round trip. Postgres is told first how
   * long each may take, so that it gives up before `timeoutMs` is over.
   *
   * @param timeoutMs how long all of it may take, the wait for a connection included
   * @param place nobody's line where it is left out
   * @returns the rows of each statement
   * @throws DatabaseError for every failure
   */
  transaction(
    statements: readonly Statement[],
    timeoutMs: number,
    place?: Place,
  ): Promise<readonly Row[][]>
  /** A dialect with real sessions, for migrations. Whoever opens it destroys it. */
  sessions(): Dialect
  /** Absent where there is no pool. */
  poolLoad?(): PoolLoad
  close(): Promise<void>
}
