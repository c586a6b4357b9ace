import { quoteTableName, type TableName } from '#db/table-name'
import type { Row, Statement } from '#db/transports/transport'

/**
 * Asks, as the role of the requests, which logins may serve this database, which users table `tasks`
 * refers to, and whether the functions that run with their owner's rights are safe; see ADR 0051.
 * Postgres keeps a search path as it was written, and with `quote_all_identifiers` with quotes.
 */
export const serviceLogins: Statement = {
  sql: `select session_user::text as "login", service.name as "service",
      has_function_privilege(session_user, service.oid, 'execute') as "admitted",
      has_function_privilege(current_user, service.oid, 'execute') as "open",
      (select string_agg(grantee::regrole::text, ', ') from pg_proc, aclexplode(proacl)
        where pg_proc.oid = service.oid and grantee not in (proowner, session_user::regrole)) as "others",
      (select string_agg(format('%s SET search_path = pg_catalog, %I, pg_temp',
          guarded.oid::regprocedure, nspname), ', ')
        from pg_proc as guarded join pg_roles as owner on owner.oid = proowner
        where pronamespace = tasks.relnamespace and proname like 'todo\\_%' and prosecdef
        and (coalesce(array_to_string(proconfig, ';'), '') not in (
            format('search_path=pg_catalog, %I, pg_temp', nspname),
            format('search_path="pg_catalog", "%s", "pg_temp"', replace(nspname, '"', '""')))
          or exists (select from aclexplode(coalesce(proacl, acldefault('f', proowner)))
            where grantee = 0)
          or not (owner.rolsuper or pg_has_role(tasks.relowner, proowner, 'member')))) as "unsafe",
      (select string_agg(moving.oid::regprocedure::text, ', ') from pg_proc as moving
        where pronamespace = tasks.relnamespace and proname = 'todo_move_tasks'
        and has_function_privilege(current_user, moving.oid, 'execute')) as "moves",
      (select format_type(atttypid, atttypmod) from pg_attribute
        where attrelid = tasks.oid and attname = 'user_id') as "userIdType",
      (select format('%I.%I', nspname, relname) from pg_constraint
        join pg_attribute on attrelid = conrelid and conkey = array[attnum] and attname = 'user_id'
        join pg_class as users on users.oid = confrelid
        join pg_namespace on pg_namespace.oid = users.relnamespace
        where conrelid = tasks.oid and contype = 'f' limit 1) as "users"
    from pg_class as tasks join pg_namespace on pg_namespace.oid = tasks.relnamespace,
      lateral (select oid, oid::regprocedure::text as name from pg_proc
        where pronamespace = tasks.relnamespace and proname = 'todo_service' and pronargs = 0) as service
    where tasks.oid = to_regclass('tasks')`,
  parameters: [],
}

/** What the answer to `serviceLogins` shows to be wrong, and what to run; else undefined. */
export function faultInLogins(found: Row | undefined, callerRole: string): string | undefined {
  if (found === undefined) {
    return 'The function todo_service() is gone. Restore it from db/migrations.'
  }
  const { login, service, unsafe } = found
  if (typeof unsafe === 'string') {
    return `A function that runs with its owner's rights is not safe. Run, for each: ALTER FUNCTION ${unsafe}; REVOKE EXECUTE ON FUNCTION … FROM PUBLIC; and see that the owner of tasks owns it.`
  }
  if (found['open'] === true) {
    return `Every login in the cluster that holds ${callerRole} counts as one of the service. Run: REVOKE EXECUTE ON FUNCTION ${service} FROM PUBLIC, ${callerRole};`
  }
  if (typeof found['moves'] === 'string') {
    return `Requests may give the tasks of anybody to anybody. Run: REVOKE EXECUTE ON FUNCTION ${found['moves']} FROM PUBLIC, ${callerRole};`
  }
  if (found['admitted'] !== true) {
    return `The login ${login} is none of the service. Run as the owner of tasks: GRANT EXECUTE ON FUNCTION ${service} TO ${login};`
  }
  return undefined
}

/**
 * What is wrong if `tasks` refers to another users table than the setting names, which may leave out
 * the schema, and what to do; else undefined.
 */
export function explainOtherUsers(
  found: TableName | undefined,
  setting: TableName,
): string | undefined {
  if (found?.table === setting.table && (setting.schema ?? found.schema) === found.schema) return
  const name = found === undefined ? 'no table' : quoteTableName(found)
  return `Tasks are deleted with their user in ${name}, and USERS_TABLE names another. To see what to run, which changes nothing: npm run doctor`
}
