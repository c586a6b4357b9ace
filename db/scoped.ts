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
import { type DatabaseErrorKind, isDatabaseError } from '#db/errors'
import { type Permit, type Quota, readPermit } from '#db/rate-limit'
import { type Effect, effectOf, sendWithRetries } from '#db/retry'
import type { Database } from '#db/schema'
import type { Place, Statement, Transport } from '#db/transports/transport'

/** A Kysely that can see and change one user's rows only. */
export type CallerDatabase = Kysely<Database>

/** How long one request's work in the database may take, all attempts together. */
export interface TimeLimits {
  readonly deadlineMs: number
  /** One attempt, the wait for a connection included. */
  readonly attemptMs: number
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
export function openCallerDatabase(
  transport: Transport,
  userId: string,
  limits: TimeLimits,
  rateLimit?: RateLimit,
  signal?: () => AbortSignal,
): CallerDatabase {
  const driver = new CallerDriver(transport, { user: userId, signal }, limits, rateLimit)
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

/**
 * The statement that binds the rest of its transaction to a role and a user. With a quota it also
 * takes the user's permit, and fails where there is none.
 */
export function bindCaller(userId: string, quota?: Quota): Statement {
  const parameters = [callerRole, userId]
  return quota === undefined
    ? { sql: bind, parameters }
    : {
        sql: `${bind}, todo_take_permit($2, $3::integer, $4::integer) as permit`,
        parameters: [...parameters, quota.requests, quota.seconds],
      }
}

/** A connection of Kysely's, and the driver that has no other. */
class CallerDriver implements Driver, DatabaseConnection {
  readonly #transport: Transport
  readonly #place: Place
  readonly #limits: TimeLimits
  readonly #rateLimit: RateLimit | undefined

  constructor(
    transport: Transport,
    place: Place,
    limits: TimeLimits,
    rateLimit: RateLimit | undefined,
  ) {
    this.#transport = transport
    this.#place = place
    this.#limits = limits
    this.#rateLimit = rateLimit
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    const end = performance.now() + this.#limits.deadlineMs
    try {
      const [, rows = []] = await this.#send([query], effectOf(query.query), end)
      return { rows: rows as Row[] }
    } catch (error) {
      // The permit went with the transaction; what is the user's doing is counted all the same.
      const isCounted = isDatabaseError(error) && countedFailures.includes(error.kind)
      if (isCounted && this.#rateLimit !== undefined) await this.#send([], 'none', end)
      throw error
    }
  }

  async #send(queries: readonly CompiledQuery[], effect: Effect, end: number) {
    const statements = [bindCaller(this.#place.user, this.#rateLimit?.quota), ...queries]
    const results = await sendWithRetries(this.#transport, statements, {
      effect,
      place: this.#place,
      deadlineMs: end - performance.now(),
      attemptMs: this.#limits.attemptMs,
    })
    const permit = results[0]?.[0]?.['permit']
    if (typeof permit === 'string') this.#rateLimit?.onPermit(readPermit(permit))
    return results
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

/** Failures that the user can bring about again and again; see ADR 0050. */
const countedFailures: readonly DatabaseErrorKind[] = ['unknown_user', 'internal']

const canonicalUuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const canonicalInteger = /^(?:0|-?[1-9][0-9]*)$/

/**
 * Whether a column of this type gives the id back as it is. Postgres takes a UUID in capitals or in
 * braces too, so that one user would have several names: the statement compares UUIDs, the second
 * wall compares texts, and only one spelling passes both.
 *
 * @param type as `format_type` prints it
 */
export function canHold(type: string, userId: string): boolean {
  if (type === 'uuid') return canonicalUuid.test(userId)
  if (/^(?:small|big)?int(?:eger)?$/.test(type)) return canonicalInteger.test(userId)
  const [, limit] = /^character(?: varying)?\((\d+)\)$/.exec(type) ?? []
  if (limit === undefined) return true
  // A column of a fixed width loses the spaces at the end.
  return Array.from(userId).length <= Number(limit) && !userId.endsWith(' ')
}
