import { isDatabaseError } from '#db/errors'
import { latestMigration } from '#db/migrate'
import { faultInSessions, lookAtSessions } from '#db/sessions'
import { quoteTableName, type TableName } from '#db/table-name'
import type { Statement, Transport } from '#db/transports/transport'

/** A table by the name that a setting can have, and the type of its id. */
export interface FoundTable {
  readonly name: string
  /** Undefined if it has no such column. */
  readonly idType: string | undefined
}

/** What the doctor needs to know about the tables. */
export interface Inspection {
  /** Whether the migrations of this version have all run. */
  readonly isMigrated: boolean
  /** The table that `USERS_TABLE` names, and the type of its `id`. */
  readonly users: FoundTable | undefined
  /** Why the service adds no user to that table, undefined if it does. */
  readonly addsNoUser: string | undefined
  /** What it adds a user with only if the token has it, of `email` and `name`. */
  readonly neededClaims: readonly string[]
  /** The table that `SESSIONS_TABLE` names, and the type of its user's id. */
  readonly sessions: FoundTable | undefined
  /** What keeps session tokens from counting, and what to do; see `faultInSessions`. */
  readonly sessionsFault: string | undefined
  /** The users table that `tasks` refers to, or `no table`, with the type of `tasks.user_id`. */
  readonly owners: FoundTable | undefined
  /** Every table that looks like Better Auth's sessions, with the users table that it refers to. */
  readonly issuers: readonly { readonly sessions: string; readonly users: FoundTable | undefined }[]
}

/** Whatever the settings of the login, the names of tables are then printed in one way. */
const readOnly = `select set_config('transaction_read_only', 'on', true),
  set_config('quote_all_identifiers', 'off', true)`

const tables = `select users::text as users, sessions::text as sessions,
    to_regclass('kysely_migration')::text as migrations,
    (select format_type(atttypid, atttypmod) from pg_attribute
      where attrelid = users and attname = 'id' and not attisdropped) as "usersId",
    coalesce((select string_agg(distinct conrelid::regclass::text, ', ') || ' refers to it'
        from pg_constraint where contype = 'f' and confrelid = users and conparentid = 0
        and not exists (select from pg_policy where polrelid = conrelid and polname like '%\\_of\\_caller')),
      (select 'a row of it needs ' || string_agg(attname, ', ') from pg_attribute
        where attrelid = users and attnum > 0 and attnotnull and not atthasdef and attidentity = ''
        and attname not in ('id', 'email', 'name')),
      (select 'it has no column ' || string_agg(wanted, ' or ') from unnest('{email,name}'::text[]) as wanted
        where users is not null and not exists (select from pg_attribute
          where attrelid = users and attname = wanted and not attisdropped))) as "addsNoUser",
    (select string_agg(attname, ' ') from pg_attribute
      where attrelid = users and attnotnull and attname in ('email', 'name')) as "neededClaims",
    (select format_type(atttypid, atttypmod) from pg_attribute
      where attrelid = sessions and attname in ('userId', 'user_id') and not attisdropped) as "sessionsUserId",
    (select coalesce(min(confrelid::regclass::text), 'no table') from pg_class left join pg_constraint
      on conrelid = pg_class.oid and contype = 'f' and conkey = array(select attnum
        from pg_attribute where attrelid = pg_class.oid and attname = 'user_id')
      where pg_class.oid = to_regclass('tasks')
      group by pg_class.oid) as owners,
    (select format_type(atttypid, atttypmod) from pg_attribute
      where attrelid = to_regclass('tasks') and attname = 'user_id' and not attisdropped) as "tasksUserId"
  from (select to_regclass($1) as users, to_regclass($2) as sessions) as configured`

/** Better Auth's columns may be in camel case or snake case. No plugin has such a table too. */
const issuers = `select oid::regclass::text as sessions, users::text as users,
    (select format_type(atttypid, atttypmod) from pg_attribute
      where attrelid = users and attname = 'id' and not attisdropped) as "usersId"
  from pg_class left join lateral (select confrelid::regclass as users from pg_constraint
    where conrelid = pg_class.oid and contype = 'f' limit 1) as owners on true
  where relkind in ('r', 'p')
    and (select count(*) from pg_attribute where attrelid = pg_class.oid and not attisdropped
      and attname in ('token', 'userId', 'user_id', 'expiresAt', 'expires_at')) = 3
  order by 1`

const migrations = {
  sql: 'select exists (select from kysely_migration where name = $1) as migrated',
  parameters: [latestMigration],
}

/**
 * Looks at the tables for the doctor, and changes nothing.
 *
 * @throws DatabaseError
 */
export async function inspectTables(
  transport: Transport,
  names: { readonly users: TableName; readonly sessions: TableName },
  timeoutMs: number,
): Promise<Inspection> {
  const parameters = [quoteTableName(names.users), quoteTableName(names.sessions)]
  const [found = [], likely = [], readable = []] = await read(transport, timeoutMs, [
    { sql: tables, parameters },
    { sql: issuers, parameters: [] },
    lookAtSessions(names.sessions),
  ])
  const row = found[0] ?? {}
  return {
    isMigrated:
      textOf(row, 'migrations') !== undefined && (await hasMigrated(transport, timeoutMs)),
    users: tableOf(row, 'users', 'usersId'),
    addsNoUser: textOf(row, 'addsNoUser'),
    neededClaims: textOf(row, 'neededClaims')?.split(' ') ?? [],
    sessions: tableOf(row, 'sessions', 'sessionsUserId'),
    sessionsFault: faultInSessions(readable[0], names.sessions),
    owners: tableOf(row, 'owners', 'tasksUserId'),
    issuers: likely.map((each) => ({
      sessions: textOf(each, 'sessions') ?? '',
      users: tableOf(each, 'users', 'usersId'),
    })),
  }
}

/**
 * Whether the users table has a user.
 *
 * @returns undefined if the ids of the table cannot hold this one
 * @throws DatabaseError
 */
export async function hasUser(
  transport: Transport,
  users: TableName,
  userId: string,
  timeoutMs: number,
): Promise<boolean | undefined> {
  const sql = `select exists (select from ${quoteTableName(users)} where id = $1) as found`
  try {
    const [rows = []] = await read(transport, timeoutMs, [{ sql, parameters: [userId] }])
    return rows[0]?.['found'] === true
  } catch (error) {
    if (isDatabaseError(error) && error.kind === 'unknown_user') return undefined
    throw error
  }
}

async function hasMigrated(transport: Transport, timeoutMs: number): Promise<boolean> {
  try {
    const [rows = []] = await read(transport, timeoutMs, [migrations])
    return rows[0]?.['migrated'] === true
  } catch (error) {
    // The role of the requests has the right to ask. If the role is missing, `proveIsolation` says
    // so.
    if (isDatabaseError(error) && error.sqlState === '42501') return true
    throw error
  }
}

async function read(transport: Transport, timeoutMs: number, statements: readonly Statement[]) {
  const guard = { sql: readOnly, parameters: [] }
  const [, ...results] = await transport.transaction([guard, ...statements], timeoutMs)
  return results
}

function textOf(row: Record<string, unknown>, name: string): string | undefined {
  const value = row[name]
  return typeof value === 'string' ? value : undefined
}

function tableOf(
  row: Record<string, unknown>,
  table: string,
  column: string,
): FoundTable | undefined {
  const name = textOf(row, table)
  return name === undefined ? undefined : { name, idType: textOf(row, column) }
}
