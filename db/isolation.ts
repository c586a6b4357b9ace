import { DatabaseError, isDatabaseError } from '#db/errors'
import { latestMigration } from '#db/migrate'
import { bindCaller, callerRole, type TimeLimits } from '#db/scoped'
import { faultInLogins, serviceLogins } from '#db/service-logins'
import { faultInSessions, lookAtSessions } from '#db/sessions'
import { plainNames, refuseUnsuitable, suitability, unsuitable } from '#db/suitability'
import { readTableName, type TableName } from '#db/table-name'
import { taskLikeTables } from '#db/task-like-tables'
import type { Transport } from '#db/transports/transport'

/** The id of no real user: it is neither a UUID nor an id of Better Auth. */
const probe = 'isolation-probe'

const isMigrated = {
  sql: 'select exists (select from kysely_migration where name = $1) as migrated',
  parameters: [latestMigration],
}

const asLogin = { sql: "select set_config('role', 'none', true)", parameters: [] }

/**
 * Asks, as the role of the requests, what protects the rows of `tasks` and of every other table
 * with a `user_id` that requests may write or empty. `rate_limits` is left out: it has no contents of users.
 */
const walls = {
  sql: `select walled.relname::text as "table", current_user::text as "role", current_setting('app.user_id', true) as "user",
      role.rolsuper or role.rolbypassrls as "bypasses",
      pg_has_role(current_user, walled.relowner, 'member') as "owns",
      walled.relrowsecurity and walled.relforcerowsecurity as "forced",
      row_security_active(walled.oid) as "active",
      has_table_privilege(walled.oid, 'truncate') as "truncates",
      (select coalesce(string_agg(concat_ws(' ', policy.polcmd, pg_get_expr(polqual, polrelid),
        'check', pg_get_expr(polwithcheck, polrelid)), ';'), 'none')
        from pg_policy as policy where policy.polrelid = walled.oid and policy.polpermissive) as "policies",
      (select string_agg(concat_ws(' ', policy.polcmd, policy.polroles, pg_get_expr(polqual, polrelid)), ';')
        from pg_policy as policy where policy.polrelid = walled.oid and not policy.polpermissive) as "restrictive",
      (select string_agg(part::text, ', ') from pg_partition_tree(walled.oid) as tree (part)
        where part <> walled.oid and (has_any_column_privilege(part, 'select, insert, update')
          or has_table_privilege(part, 'delete, truncate'))) as "open"
    from pg_class as walled, pg_roles as role
    where role.rolname = current_user and not walled.relispartition
      and walled.relname <> 'rate_limits'
      and walled.relnamespace = (select relnamespace from pg_class where oid = to_regclass('tasks'))
      and exists (select from pg_attribute where attrelid = walled.oid and attname = 'user_id')
      and (walled.oid = to_regclass('tasks') or walled.relkind in ('r', 'p')
        and (has_any_column_privilege(walled.oid, 'insert, update')
          or has_table_privilege(walled.oid, 'delete, truncate')))`,
  parameters: [],
}

/** The policy as Postgres 14 to 18 print it, for text, varchar and uuid. */
const owned = String.raw`\(\(?user_id\)?(?:::text)? = \( SELECT NULLIF\(current_setting\('app.user_id'::text, true\), ''::text\)(?: AS "?nullif"?)?\)\)`
const onlyPolicy = new RegExp(`^\\* ${owned} check ${owned}$`)
/** The table may have restrictive policies besides, which only take rights away. */
const servicePolicy =
  /(?:^|;)\* \{0\} \( SELECT has_function_privilege\(SESSION_USER, \('[^';]*todo_service\(\)'::regprocedure\)::oid, 'execute'::text\) AS has_function_privilege\)(?:;|$)/

/** What the proof also found out. */
export interface Proof {
  /** Other logins that may serve this database, undefined if there are none. */
  readonly otherLogins: string | undefined
  /** The type of the ids of users, such as `character varying(36)`. */
  readonly userIdType: string
  /** The table that `tasks` refers to, so that they go with the account; undefined if there is none. */
  readonly users: TableName | undefined
  /** Tables that look like tasks of another backend, as `taskLikeTables` finds them. */
  readonly otherTasks: readonly string[]
}

/**
 * Proves, in one round trip, that the database is one that the service can use, that it is migrated,
 * and that the second wall stands.
 *
 * @param onProof called with what the proof also found out
 * @param sessionsTable the table that session tokens need, undefined where they do not count
 * @param isProbe whether it waits for no request; see `Place`. Then it leaves `otherTasks` out
 * @returns false if the database is not migrated
 * @throws DatabaseError if the database cannot be asked; what `refuseUnsuitable` throws, and
 *   `unsuitable` if the sessions table is not as it must be;
 *   `not_isolated` if the wall does not stand, with SQLSTATE 42501 if the role cannot be taken
 */
export async function proveIsolation(
  transport: Transport,
  limits: TimeLimits,
  onProof?: (proof: Proof) => void,
  sessionsTable?: TableName,
  isProbe = false,
): Promise<boolean> {
  const statements = [
    ...[bindCaller(probe), plainNames, suitability],
    ...[isMigrated, walls, serviceLogins],
    // Sessions are read as the login, not as the role of the requests.
    ...(sessionsTable === undefined ? [] : [asLogin, lookAtSessions(sessionsTable)]),
    ...(isProbe ? [] : [taskLikeTables]),
  ]
  try {
    const answers = await transport.transaction(statements, limits.deadlineMs, {
      user: probe,
      isProbe,
    })
    const [, , suited, migration, found, logins, , sessions] = answers
    refuseUnsuitable(suited?.[0])
    if (migration?.[0]?.['migrated'] !== true) return false
    if (!found?.some(({ table }) => table === 'tasks')) return false
    const faults = [...found.map(faultIn), faultInLogins(logins?.[0], callerRole)]
    const fault = faults.find((each) => each !== undefined)
    if (fault !== undefined) throw notIsolated(fault)
    const faultyTable = sessionsTable && faultInSessions(sessions?.[0], sessionsTable)
    if (faultyTable !== undefined) throw unsuitable(faultyTable)
    const { others, userIdType, users } = logins?.[0] ?? {}
    onProof?.({
      otherLogins: typeof others === 'string' ? others : undefined,
      userIdType: String(userIdType),
      users: readTableName(String(users ?? '')),
      otherTasks: (isProbe ? [] : (answers.at(-1) ?? [])).map(({ label }) => String(label)),
    })
    return true
  } catch (error) {
    if (!isDatabaseError(error)) throw error
    // The table or the role does not exist yet.
    if (error.sqlState === '42P01' || error.sqlState === '22023') return false
    if (error.sqlState === '42501') {
      throw notIsolated(
        `The login may not take the role ${callerRole}. Run as an administrator: CREATE ROLE ${callerRole} NOLOGIN; GRANT ${callerRole} TO <the login in DATABASE_URL>; then start again.`,
        error,
      )
    }
    throw error
  }
}

function notIsolated(message: string, cause?: DatabaseError): DatabaseError {
  const meaning = { kind: 'not_isolated', transient: false, mayHaveRun: false } as const
  return new DatabaseError(message, { ...meaning, sqlState: cause?.sqlState, cause })
}

function faultIn(wall: Record<string, unknown>): string | undefined {
  const { table } = wall
  if (wall['role'] !== callerRole || wall['user'] !== probe) {
    return 'The role and the user of a request do not reach its statement: is a pooler in statement mode between? Use transaction mode.'
  }
  if (wall['bypasses'] === true) {
    return `The role ${callerRole} bypasses row-level security. Run: ALTER ROLE ${callerRole} NOSUPERUSER NOBYPASSRLS;`
  }
  if (wall['owns'] === true) {
    return `The role ${callerRole} is a member of the owner of ${table}. Run: REVOKE <the owner> FROM ${callerRole};`
  }
  // Forced row-level security would hide the rows of another program's table from that program.
  if (table !== 'tasks' && wall['policies'] === 'none') {
    return `Requests may write ${table}, which has no policy. Run: REVOKE ALL ON ${table} FROM ${callerRole}, PUBLIC;`
  }
  // Row-level security does not apply to TRUNCATE.
  if (wall['truncates'] === true) {
    return `The role ${callerRole} may empty ${table} past row-level security. Run: REVOKE TRUNCATE ON ${table} FROM ${callerRole}, PUBLIC;`
  }
  if (wall['forced'] !== true || wall['active'] !== true) {
    return `Row-level security on ${table} is off. Run: ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;`
  }
  if (!onlyPolicy.test(String(wall['policies']))) {
    return `The policies on ${table} are not the one that the migrations made: ${String(wall['policies'])}. Drop the others, and restore ${table}_of_caller from db/migrations.`
  }
  if (!servicePolicy.test(String(wall['restrictive']))) {
    return `The policy that keeps other databases' logins from ${table} is not there: ${String(wall['restrictive'])}. Restore ${table}_of_service from db/migrations.`
  }
  // A table's policy does not apply to statements that name one of its partitions.
  if (typeof wall['open'] === 'string') {
    return `The role ${callerRole} may reach partitions of ${table} past row-level security. Run: REVOKE ALL ON ${wall['open']} FROM ${callerRole}, PUBLIC;`
  }
  return undefined
}
