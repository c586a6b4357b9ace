import { DatabaseError, isDatabaseError } from '#db/errors'
import { sendWithRetries } from '#db/retry'
import type { TimeLimits } from '#db/scoped'
import { quoteTableName, type TableName } from '#db/table-name'
import type { Transport } from '#db/transports/transport'

/** What this service needs of a session of Better Auth. */
export interface Session {
  readonly userId: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

const readOnly = {
  sql: "select set_config('transaction_read_only', 'on', true)",
  parameters: [],
  onlySets: true,
} as const

/**
 * Finds the session of a token whose signature has been checked, in one round trip. It runs as the
 * login, because the role of the requests has no right to sessions, and in a read-only transaction.
 * See `docs/adr/0020-session-tokens.md`.
 *
 * @returns undefined if the session is over
 * @throws DatabaseError
 */
export async function selectSession(
  transport: Transport,
  table: TableName,
  token: string,
  { deadlineMs, attemptMs }: TimeLimits,
): Promise<Session | undefined> {
  const statements = [readOnly, { sql: sessionQuery(table), parameters: [token] }]
  try {
    // The user is not known yet, so requests wait in line by their token.
    const results = await sendWithRetries(transport, statements, {
      effect: 'none',
      place: { user: token },
      deadlineMs,
      attemptMs,
    })
    return readSession(results[1]?.[0])
  } catch (error) {
    throw explain(error, table)
  }
}

/** Reads the row as JSON, because its columns may be `userId` or `user_id`. */
function sessionQuery(table: TableName): string {
  return `select coalesce(entry->>'userId', entry->>'user_id') as "userId",
      coalesce(entry->>'expiresAt', entry->>'expires_at') as "expiresAt"
    from (select to_jsonb(session) as entry from ${quoteTableName(table)} as session
      where session.token = $1) as found`
}

function readSession(row: Record<string, unknown> | undefined): Session | undefined {
  if (row === undefined) return undefined
  const { userId, expiresAt } = row
  if (typeof userId !== 'string' || typeof expiresAt !== 'string') {
    throw new DatabaseError('the sessions table has no userId or expiresAt', {
      kind: 'internal',
      transient: false,
      mayHaveRun: true,
    })
  }
  // A column without a time zone has UTC, which Better Auth's database adapters write.
  const hasZone = /(?:Z|[+-]\d\d(?::?\d\d)?)$/.test(expiresAt)
  return { userId, expiresAt: Date.parse(hasZone ? expiresAt : `${expiresAt}Z`) }
}

/** Names the setting to check, if the table, a column or the right to it is missing. */
function explain(error: unknown, table: TableName): unknown {
  if (!(isDatabaseError(error) && /^(42P01|42703|42501|3F000)$/.test(error.sqlState ?? ''))) {
    return error
  }
  return new DatabaseError(
    `${quoteTableName(table)} is not a readable sessions table: check SESSIONS_TABLE`,
    { kind: 'internal', transient: false, mayHaveRun: false, cause: error },
  )
}
