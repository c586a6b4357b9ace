import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  InsertQueryNode,
  Kysely,
  type OperationNode,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  SelectQueryNode,
} from 'kysely'
import { type Permit, type Quota, readPermit } from '#db/rate-limit'
import { withRetries } from '#db/retry'
import type { Database } from '#db/schema'
import type { Statement, Transport } from '#db/transports/transport'

/** A Kysely that can see and change one user's rows only. */
export type CallerDatabase = Kysely<Database>

/** How long one request's work in the database may take, all attempts together. */
export interface TimeLimits {
  readonly deadlineMs: number
  /** One attempt, the wait for a connection included. */
  readonly attemptMs: number
  /** One statement, by Postgres' own clock: shorter than an attempt, so that its answer arrives. */
  readonly statementTimeoutMs: number
}

/** The rate limit of a request: what it is held to, and who is told what it leaves. */
export interface RateLimit {
  readonly quota: Quota
  readonly onPermit: (permit: Permit) => void
}

/** The role without rights of its own that every request runs as; see the first migration. */
export const callerRole = 'todo_app'

/**
 * A Kysely bound to one user. Each statement is sent as a transaction that first takes the role
 * `todo_app` and the user's id, both forgotten at its end, so that row-level security hides every
 * other user's rows even from a statement that forgot to name the owner. It costs no round trip:
 * see `Transport`. Transactions across statements are not offered: a request is one statement.
 */
export function databaseFor(
  transport: Transport,
  userId: string,
  limits: TimeLimits,
  rateLimit?: RateLimit,
): CallerDatabase {
  const connection = new CallerConnection(transport, userId, limits, rateLimit)
  return new Kysely<Database>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new CallerDriver(connection),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  })
}

const bind =
  "select set_config('role', $1, true), set_config('app.user_id', $2, true), set_config('statement_timeout', $3, true)"

/**
 * The statement that binds the rest of its transaction to a role, a user and a time limit. With a
 * quota it also takes the user's permit, and fails where there is none.
 */
export function bindCaller(userId: string, statementTimeoutMs: number, quota?: Quota): Statement {
  const parameters = [callerRole, userId, String(statementTimeoutMs)]
  return quota === undefined
    ? { sql: bind, parameters }
    : {
        sql: `${bind}, todo_take_permit($2, $4::integer, $5::integer) as permit`,
        parameters: [...parameters, quota.requests, quota.seconds],
      }
}

class CallerConnection implements DatabaseConnection {
  readonly #transport: Transport
  readonly #userId: string
  readonly #limits: TimeLimits
  readonly #rateLimit: RateLimit | undefined

  constructor(
    transport: Transport,
    userId: string,
    limits: TimeLimits,
    rateLimit: RateLimit | undefined,
  ) {
    this.#transport = transport
    this.#userId = userId
    this.#limits = limits
    this.#rateLimit = rateLimit
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    const { deadlineMs, attemptMs, statementTimeoutMs } = this.#limits
    const binding = bindCaller(this.#userId, statementTimeoutMs, this.#rateLimit?.quota)
    const statements = [binding, query]
    const results = await withRetries(
      (timeoutMs) => this.#transport.transaction(statements, timeoutMs),
      { repeatable: isRepeatable(query.query), deadlineMs, attemptMs },
    )
    const permit = results[0]?.[0]?.['permit']
    if (typeof permit === 'string') this.#rateLimit?.onPermit(readPermit(permit))
    return { rows: (results[1] ?? []) as Row[] }
  }

  // biome-ignore lint/correctness/useYield: Kysely asks for the method, and nothing here streams.
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('A request is one statement, and its rows come in one answer.')
  }
}

class CallerDriver implements Driver {
  readonly #connection: CallerConnection

  constructor(connection: CallerConnection) {
    this.#connection = connection
  }

  async init() {}
  async acquireConnection() {
    return this.#connection
  }
  async beginTransaction() {
    throw new Error('A request is one statement, which is a transaction already.')
  }
  async commitTransaction() {}
  async rollbackTransaction() {}
  async releaseConnection() {}
  async destroy() {}
}

/**
 * Whether sending the statement again is harmless: it reads, also in its CTEs, or it inserts rows
 * under ids of our own and takes an existing one for its success.
 */
function isRepeatable(node: OperationNode): boolean {
  if (SelectQueryNode.is(node)) {
    return (node.with?.expressions ?? []).every(({ expression }) => isRepeatable(expression))
  }
  return InsertQueryNode.is(node) && node.onConflict !== undefined
}
