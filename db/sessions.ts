import { isDatabaseError } from '#db/errors'
import { sendWithRetries } from '#db/retry'
import type { TimeLimits } from '#db/scoped'
import { unsuitable } from '#db/suitability'
import { quoteTableName, type TableName } from '#db/table-name'
import type { Row, Statement, Transport } from '#db/transports/transport'

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
 * Finds the session of a token in one round trip. It runs as the login, because the role of the
 * requests has no right to sessions, and in a read-only transaction. See
 * `docs/adr/0020-session-tokens.md`.
 *
 * @param line whose turn the look-up takes, because the user is not known yet
 * @returns undefined if the session is over
 * @throws DatabaseError
 */
export async function selectSession(
  transport: Transport,
  table: TableName,
  token: string,
  line: string,
  { deadlineMs, attemptMs }: TimeLimits,
): Promise<Session | undefined> {
  const statements = [readOnly, { sql: sessionQuery(table), parameters: [token] }]
  try {
    const results = await sendWithRetries(transport, statements, {
      effect: 'none',
      place: { user: line },
      deadlineMs,
      attemptMs,
    })
    return readSession(results[1]?.[0])
  } catch (error) {
    throw explain(error, table)
  }
}

/**
 * Asks, as the login, what it can read of the sessions table. It looks into the catalogue: a name
 * in a schema that the login may not use would otherwise be an error.
 */
export function lookAtSessions({ schema, table }: TableName): Statement {
  const named = schema === undefined ? 'pg_table_is_visible(pg_class.oid)' : 'nspname = $2'
  return {
    sql: `select has_schema_privilege(relnamespace, 'usage') as "isReachable",
        string_agg(attname, ',') as "columns",
        string_agg(attname, ', ') filter (
          where not has_column_privilege(pg_class.oid, attnum, 'select')) as "unreadable"
      from pg_class join pg_namespace on pg_namespace.oid = relnamespace
        join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
      where relname = $1 and ${named} and relkind in ('r', 'p', 'v', 'm', 'f')
      group by pg_class.oid, relnamespace`,
    parameters: schema === undefined ? [table] : [table, schema],
  }
}

/** The columns that a session must have, each by the names that Better Auth gives it. */
const sessionColumns = [['token'], ['userId', 'user_id'], ['expiresAt', 'expires_at']] as const

/** What the answer to `lookAtSessions` shows to be wrong, and what to do; else undefined. */
export function faultInSessions(found: Row | undefined, table: TableName): string | undefined {
  const name = quoteTableName(table)
  if (found === undefined) {
    return `SESSION_TOKENS needs the sessions of Better Auth, and there is no table ${name} in this database. Run Better Auth's migration first, and set SESSIONS_TABLE to the name of its table. With secondaryStorage Better Auth keeps sessions elsewhere: give it session: { storeSessionInDatabase: true }, or unset SESSION_TOKENS and send JWTs.`
  }
  const columns = String(found['columns']).split(',')
  const missing = sessionColumns.find((names) => !names.some((each) => columns.includes(each)))
  if (missing !== undefined) {
    return `The sessions table ${name} has no column ${missing.join(' or ')}. Set SESSIONS_TABLE to the sessions table of Better Auth. Where its session.fields renames columns, run: CREATE VIEW todo_sessions AS SELECT <token> AS token, <userId> AS "userId", <expiresAt> AS "expiresAt" FROM ${name}; and set SESSIONS_TABLE=todo_sessions`
  }
  if (found['isReachable'] !== true || typeof found['unreadable'] === 'string') {
    return `The login may not read the sessions table ${name}. Run as its owner: GRANT USAGE ON SCHEMA <its schema> TO <the login in DATABASE_URL>; GRANT SELECT ON ${name} TO <the login in DATABASE_URL>;`
  }
  return undefined
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
    throw unsuitable('The sessions table has no userId or expiresAt.')
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
  return unsuitable(
    `${quoteTableName(table)} is not a readable sessions table. Check SESSIONS_TABLE.`,
    error,
  )
}
