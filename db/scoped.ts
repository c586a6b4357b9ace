import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely'
import type { Permits, Quota, RateLimit } from '#db/rate-limit'
import { effectOf, sendWithRetries } from '#db/retry'
import type { Database } from '#db/schema'
import type { Place, Statement, Transport } from '#db/transports/transport'

/** A Kysely that sees and changes only the rows of one user. */
export type CallerDatabase = Kysely<Database>

/** How long one request's work in the database may take, all attempts together. */
export interface TimeLimits {
  readonly deadlineMs: number
  /** One attempt, the wait for a connection included. */
  readonly attemptMs: number
}

/** A rate limit, and what counts the requests of this process. */
export interface Counting extends RateLimit {
  readonly permits: Permits
}

/** The role that every request runs as. It has only the rights that the migrations grant it. */
export const callerRole = 'todo_app'

/**
 * Opens a Kysely that is bound to one user. Each statement is sent as a transaction, which first
 * sets the role `todo_app` and the id of the user. Both end with the transaction. So row-level
 * security hides other users' rows even from a statement that does not name the owner. All
 * statements of the transaction are sent in one round trip. There are no transactions of several
 * queries, because a request is one statement.
 */
export function openCallerDatabase(
  transport: Transport,
  userId: string,
  limits: TimeLimits,
  counting?: Counting,
  signal?: () => AbortSignal,
): CallerDatabase {
  const driver = new CallerDriver(transport, { user: userId, signal }, limits, counting)
  return new Kysely<Database>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => driver,
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  })
}

const bind = "select set_config('role', $1, true), set_config('app.user_id', $2, true)"
const one = `${bind}, todo_take_permit($2, $3::integer, $4::integer) as permit`
const several = `${bind}, todo_take_permits($2, $3::integer, $4::integer, $5::integer) as permit`

/**
 * The statement that binds the rest of its transaction to the role and the user. With a quota it
 * also takes permits of the user, and fails if there is none left.
 *
 * @param permits at most how many: one, and spare ones besides
 */
export function bindCaller(userId: string, quota?: Quota, permits = 1): Statement {
  const parameters = [callerRole, userId]
  if (quota === undefined || permits === 0) return { sql: bind, parameters }
  const { requests, seconds } = quota
  return permits === 1
    ? { sql: one, parameters: [...parameters, requests, seconds] }
    : { sql: several, parameters: [...parameters, requests, seconds, permits - 1] }
}

/** The driver and its only connection, as Kysely calls them. */
class CallerDriver implements Driver, DatabaseConnection {
  readonly #transport: Transport
  readonly #place: Place
  readonly #limits: TimeLimits
  readonly #counting: Counting | undefined

  constructor(
    transport: Transport,
    place: Place,
    limits: TimeLimits,
    counting: Counting | undefined,
  ) {
    this.#transport = transport
    this.#place = place
    this.#limits = limits
    this.#counting = counting
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    const end = performance.now() + this.#limits.deadlineMs
    const { user } = this.#place
    const effect = effectOf(query.query)
    const counting = this.#counting
    const send = (permits: number, isEmpty = false) => {
      const bound = bindCaller(user, counting?.quota, permits)
      return sendWithRetries(this.#transport, isEmpty ? [bound] : [bound, query], {
        effect: isEmpty ? 'none' : effect,
        place: this.#place,
        deadlineMs: end - performance.now(),
        attemptMs: this.#limits.attemptMs,
      })
    }
    const results =
      counting === undefined ? await send(0) : await counting.permits.count(user, counting, send)
    const [, rows = []] = results
    return { rows: rows as Row[] }
  }

  // biome-ignore lint/correctness/useYield: Kysely asks for the method, and nothing here streams.
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('A request is one statement, and its rows come in one answer.')
  }

  async init() {}
  async acquireConnection() {
    return this
  }
  async beginTransaction() {
    throw new Error('A request is one statement, which is a transaction already.')
  }
  async commitTransaction() {}
  async rollbackTransaction() {}
  async releaseConnection() {}
  async destroy() {}
}

const canonicalUuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const canonicalInteger = /^(?:0|-?[1-9][0-9]*)$/

/**
 * Whether a column of this type returns the id as it was sent. Postgres also accepts a UUID in
 * capitals or braces, so one user could have several names. The statement compares UUIDs and the
 * second wall compares texts, so only the usual spelling passes both.
 *
 * @param type as `format_type` prints it
 */
export function canHold(type: string, userId: string): boolean {
  if (type === 'uuid') return canonicalUuid.test(userId)
  if (/^(?:small|big)?int(?:eger)?$/.test(type)) return canonicalInteger.test(userId)
  const [, limit] = /^character(?: varying)?\((\d+)\)$/.exec(type) ?? []
  if (limit === undefined) return true
  // A column of a fixed width loses spaces at the end.
  return Array.from(userId).length <= Number(limit) && !userId.endsWith(' ')
}
