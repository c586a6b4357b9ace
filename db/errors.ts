import { connectionFaultOf } from '#db/connection-faults'

/** What a failure means for the caller; `lib/http/errors.ts` gives each its HTTP status. */
export type DatabaseErrorKind =
  /** The database cannot be reached or cannot answer now. */
  | 'unavailable'
  /** A setting keeps the service from the database; the message says which. */
  | 'misconfigured'
  /** More requests wait for a connection than the queue takes. */
  | 'overloaded'
  /** The client went away while its request waited for a connection. */
  | 'abandoned'
  /** The token's user has no account, or an id that the users table cannot hold. */
  | 'unknown_user'
  /** The user has used up the quota; `detail` is the seconds to wait. */
  | 'rate_limited'
  /** The second wall does not hold, or its role cannot be taken; the message says what to run. */
  | 'not_isolated'
  /** The database, or a table in it, is not what the service needs; the message says what to change. */
  | 'unsuitable'
  /** A bug of this service. */
  | 'internal'

interface Meaning {
  readonly kind: DatabaseErrorKind
  /** Whether the same statement may succeed in a moment. */
  readonly transient: boolean
}

const retryable: Meaning = { kind: 'unavailable', transient: true }
const misconfigured: Meaning = { kind: 'misconfigured', transient: false }
const unavailable: Meaning = { kind: 'unavailable', transient: false }
const unknownUser: Meaning = { kind: 'unknown_user', transient: false }
const internal: Meaning = { kind: 'internal', transient: false }

/**
 * What each SQLSTATE means, or each class (its first two characters), as in `docs/database.md`.
 * Validation refuses all other bad values, so 22P02 and 22003 are of a user id that does not fit.
 */
export const sqlStates: Readonly<Record<string, Meaning>> = {
  '08': retryable, // connection exception
  '53': unavailable, // insufficient resources
  '53300': retryable, // too many connections
  '57': retryable, // operator intervention: shutdown, crash, starting up
  '57014': unavailable, // statement timeout
  '58': unavailable, // system error, such as a disk that cannot be read
  '40': retryable, // transaction rollback: serialization failure, deadlock
  '54001': unavailable, // stack depth limit
  '55006': retryable, // object in use
  '55P03': retryable, // lock not available
  '25006': retryable, // read-only: a standby during failover
  '25P03': retryable, // idle in transaction timeout
  '25P04': unavailable, // transaction timeout
  '26000': retryable, // a pooler's server does not have the prepared statement
  '28': unavailable, // the login was refused
  '3D000': unavailable, // the database does not exist
  '55000': unavailable, // the database takes no connections now
  '22001': unknownUser, // text too long for the column
  '22P02': unknownUser, // invalid text representation
  '22003': unknownUser, // numeric value out of range
  '23502': unknownUser, // not null: somebody else's users table
  '23503': unknownUser, // foreign key: no such user
  TD429: { kind: 'rate_limited', transient: false }, // ours, see db/migrations/0002-rate-limits.ts
}

/** Connection exceptions, and "statement completion unknown": nobody knows how it ended. */
const unknownEnd = /^(?:08|40003)/

const networkCodes = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH'],
  ...['ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT'],
])

/** What Node, `pg` and Neon's driver say; the first and `query read timeout` are ours as well. */
const networkMessages =
  /connection terminated|connection error|client was closed|is not queryable|query read timeout|timeout expired|timeout exceeded/i

/** `Symbol.for` gives every copy of this module the same symbol. Next makes two; see ADR 0041. */
const brand = Symbol.for('todo-backend:DatabaseError')

/** An error with its meaning, and the original as its `cause`. `isDatabaseError` recognises it. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
  readonly [brand] = true
  readonly kind: DatabaseErrorKind
  readonly transient: boolean
  readonly sqlState: string | undefined
  /** The detail of the error: `todo_take_permit` writes the seconds to wait into it. */
  readonly detail: string | undefined
  /** False if nothing of the statements is kept, so that they may be sent again. */
  readonly mayHaveRun: boolean

  constructor(
    message: string,
    fields: Meaning & {
      sqlState?: string | undefined
      detail?: string | undefined
      mayHaveRun: boolean
      cause?: unknown
    },
  ) {
    super(message, { cause: fields.cause })
    this.kind = fields.kind
    this.transient = fields.transient
    this.sqlState = fields.sqlState
    this.detail = fields.detail
    this.mayHaveRun = fields.mayHaveRun
  }

  /** Whether Postgres itself ended the statements, because their time was over. */
  get tookTooLong(): boolean {
    return this.sqlState === '57014' || this.sqlState === '25P04'
  }
}

/** The same error for statements that change nothing: they may always be sent again. */
export function withoutEffect(error: DatabaseError): DatabaseError {
  return new DatabaseError(error.message, { ...error, mayHaveRun: false, cause: error.cause })
}

/** The error of statements that were not sent. */
export function unsent(message: string, kind: 'abandoned' | 'overloaded' | 'unavailable') {
  return new DatabaseError(message, { kind, transient: false, mayHaveRun: false })
}

/** The third wall: a row came that does not name the user that asked. See ADR 0064. */
export function refuseRow(): never {
  const meaning = { kind: 'internal', transient: false, mayHaveRun: true } as const
  throw new DatabaseError('the database sent a row that does not name the user that asked', meaning)
}

/** Whether an error is a `DatabaseError`, from any copy of this module. */
export function isDatabaseError(error: unknown): error is DatabaseError {
  return typeof error === 'object' && error !== null && brand in error
}

/** The SQLSTATE of an error that Postgres itself sent, whichever driver carried it. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const isState = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !networkCodes.has(code)
  return isState ? code : undefined
}

/**
 * Converts an error of any driver.
 *
 * @param mayHaveRun whether the statements may have taken effect although they failed
 */
export function toDatabaseError(error: unknown, mayHaveRun: boolean): DatabaseError {
  if (isDatabaseError(error)) return error
  const sqlState = sqlStateOf(error)
  const fault = connectionFaultOf(error)
  const summary = sqlState === undefined ? 'the database did not answer' : `SQLSTATE ${sqlState}`
  const message = fault === undefined ? summary : `${summary}: ${fault.says}.`
  const meaning = fault?.isSetting === true ? misconfigured : meaningOf(error, sqlState)
  const waits = meaning.kind === 'rate_limited' && error instanceof Error && 'detail' in error
  const detail = waits ? String(error.detail) : undefined
  return new DatabaseError(message, {
    ...{ ...meaning, sqlState, detail, cause: error },
    mayHaveRun: mayHaveRun || unknownEnd.test(sqlState ?? ''),
  })
}

function meaningOf(error: unknown, sqlState: string | undefined): Meaning {
  if (sqlState === undefined) return isNetworkError(error) ? retryable : internal
  const { where, constraint } = error as Record<string, unknown>
  // What somebody added to `tasks` fails with them too. 42703: a users table lacks a column.
  const isOfUser = /todo_owner|user_id_fkey\d*$/.test(`${where} ${constraint}`)
  if (/^(?:2350[23]|42703)$/.test(sqlState)) return isOfUser ? unknownUser : internal
  return sqlStates[sqlState] ?? sqlStates[sqlState.slice(0, 2)] ?? internal
}

function isNetworkError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  // An error of Neon's driver without a SQLSTATE comes from Neon's proxy or from the network.
  if (['TimeoutError', 'AbortError', 'NeonDbError'].includes(error.name)) return true
  if ('code' in error && typeof error.code === 'string' && networkCodes.has(error.code)) return true
  if (error instanceof AggregateError && error.errors.some(isNetworkError)) return true
  return networkMessages.test(error.message) || isNetworkError(error.cause)
}
