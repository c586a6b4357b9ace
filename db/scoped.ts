import { type CompiledQuery, DefaultQueryExecutor, Kysely, type QueryResult, RawNode } from 'kysely'
import { isDatabaseError, refuseRow } from '#db/errors'
import type { Permits, Quota, RateLimit } from '#db/rate-limit'
import { effectOf, sendWithRetries } from '#db/retry'
import { type Database, dialect } from '#db/schema'
import type { Place, Statement, Transport } from '#db/transports/transport'

/** A Kysely that sees and changes only the rows of one user. */
export type CallerDatabase = Kysely<Database>

/** What Kysely has built, and whether its work grows with the user's tasks: see `Place`. */
export interface CallerQuery<Row = unknown> extends CompiledQuery<Row> {
  readonly isLong?: boolean
  /** What is sent in its place, by the same deadline and permit, where the user's row is gone. */
  readonly ifUserIsGone?: () => CompiledQuery<Row>
}

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
  const place = { user: userId, signal }
  const executor = new CallerExecutor(transport, place, limits, counting)
  return new Kysely<Database>({ executor, dialect, driver, config: { dialect } })
}

const adapter = dialect.createAdapter()
const compiler = dialect.createQueryCompiler()
const driver = dialect.createDriver()
const noConnection = {
  async provideConnection(): Promise<never> {
    throw new Error(
      'A request is one statement: it has no connection, and no transaction of its own.',
    )
  },
}

const bind = "select set_config('role', $1, true), set_config('app.user_id', $2, true)"
const one = 'select todo_take_permit($1, $2::integer, $3::integer) as permit'
const several = 'select todo_take_permits($1, $2::integer, $3::integer, $4::integer) as permit'

/** The statement that binds the rest of its transaction to the role and the user. */
export function bindCaller(userId: string): Statement {
  return { sql: bind, parameters: [callerRole, userId], onlySets: true }
}

/**
 * The statement that takes permits of the user, if any, and fails if there is none left.
 *
 * @param permits at most how many: one, and spare ones besides
 */
function takePermits(user: string, { requests, seconds }: Quota, permits: number): Statement[] {
  if (permits === 0) return []
  return permits === 1
    ? [{ sql: one, parameters: [user, requests, seconds] }]
    : [{ sql: several, parameters: [user, requests, seconds, permits - 1] }]
}

/**
 * The third wall: whatever Kysely has built returns rows that name the user as `user_id`. Only SQL
 * that is written by hand may return others.
 */
function ownedBy(user: string, { sql, parameters, query }: CompiledQuery): Statement {
  return { sql, parameters, owner: RawNode.is(query) ? undefined : user }
}

/** Sends what Kysely has built as a transaction of one user. */
class CallerExecutor extends DefaultQueryExecutor {
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
    super(compiler, adapter, noConnection)
    this.#transport = transport
    this.#place = place
    this.#limits = limits
    this.#counting = counting
  }

  override async executeQuery<Row>(query: CallerQuery): Promise<QueryResult<Row>> {
    const end = performance.now() + this.#limits.deadlineMs
    const { user } = this.#place
    const effect = effectOf(query.query)
    const place = { ...this.#place, isWrite: effect !== 'none', isLong: query.isLong }
    const bound = bindCaller(user)
    const statement = ownedBy(user, query)
    const counting = this.#counting
    const sendBehind = (taking: readonly Statement[], last?: Statement) =>
      sendWithRetries(this.#transport, [bound, ...taking, ...(last === undefined ? [] : [last])], {
        effect: last === undefined ? 'none' : effect,
        place: last === undefined ? this.#place : place,
        deadlineMs: end - performance.now(),
        attemptMs: this.#limits.attemptMs,
      })
    const send = async (taking: readonly Statement[], isEmpty = false) => {
      if (isEmpty) return await sendBehind(taking)
      try {
        return await sendBehind(taking, statement)
      } catch (error) {
        const other = isDatabaseError(error) && error.sqlState === '23503' && query.ifUserIsGone
        if (!other) throw error
        return await sendBehind(taking, ownedBy(user, other()))
      }
    }
    const results =
      counting === undefined
        ? await send([])
        : await counting.permits.count(user, counting, (permits, isEmpty) =>
            send(takePermits(user, counting.quota, permits), isEmpty),
          )
    const rows = results.at(-1) ?? []
    if (statement.owner !== undefined && rows.some((row) => row['user_id'] !== user)) refuseRow()
    return { rows: rows as Row[] }
  }
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
