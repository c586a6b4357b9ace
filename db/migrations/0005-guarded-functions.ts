import { type Kysely, sql } from 'kysely'
import { quoteTableName, type TableName } from '#db/table-name'

/**
 * Closes two ways past the second wall; see ADR 0051.
 *
 * The functions that run with their owner's rights name their `search_path` in full, with `pg_temp`
 * last, and qualify what they name. Before, a login that held nothing but `todo_app` could shadow
 * `rate_limits` with a temporary table, and a trigger on that ran as the owner.
 *
 * `todo_app` belongs to the whole cluster, so the owner of another database may hold it. From now
 * on it counts only for a login that may execute `todo_service()`, a right of this database alone.
 */
export function guardFunctions(usersTable: TableName) {
  return async function up(db: Kysely<unknown>): Promise<void> {
    const names = await findNames(db, usersTable)
    const schema = sql.raw(names.schema)
    const users = sql.raw(names.users)
    const idType = sql.raw(names.idType)
    const fixedPath = sql`set search_path = pg_catalog, ${schema}, pg_temp`
    const service = sql.lit(`${names.schema}.todo_service()`)

    await sql`create function ${schema}.todo_service() returns boolean language sql immutable
      ${fixedPath} as 'select true'`.execute(db)
    await sql`revoke execute on function ${schema}.todo_service() from public`.execute(db)
    await admitLogins(db, names.schema)
    // A policy keeps the function's id, so no search path can make the name mean another one.
    await sql`create policy tasks_of_service on ${schema}.tasks as restrictive
      using ((select has_function_privilege(session_user, ${service}::regprocedure, 'execute')))`.execute(
      db,
    )

    const refuseOthers = sql`if not has_function_privilege(session_user, ${service}, 'execute') then
        raise insufficient_privilege using message = 'the login may not execute todo_service()';
      end if;`
    await sql`create or replace function ${schema}.todo_owner(
        owner ${idType}, owner_email text, owner_name text)
      returns ${idType} language plpgsql security definer ${fixedPath} as $$
    begin
      ${refuseOthers}
      if exists (select from ${users} where id = owner)
        or exists (select from pg_constraint
          where contype = 'f' and confrelid = ${sql.lit(names.users)}::regclass
          and conparentid = 0 and not exists (select from pg_policy
            where polrelid = conrelid and polname like '%\\_of\\_caller')) then
        return owner;
      end if;
      insert into ${users} (id, email, name)
      select owner, case when not exists (select from ${users} where email = owner_email)
        then owner_email end, owner_name
      on conflict do nothing;
      return owner;
    end $$`.execute(db)
    await sql`create or replace function ${schema}.todo_take_permit(
        caller text, requests integer, seconds integer)
      returns text language plpgsql security definer ${fixedPath} as $$
    declare
      share interval := make_interval(secs => seconds::double precision / requests);
      quota_window interval := make_interval(secs => seconds);
      next_full_at timestamptz;
      asked_at timestamptz;
    begin
      ${refuseOthers}
      insert into ${schema}.rate_limits as held values (caller, clock_timestamp() + share)
      on conflict (user_id) do update
        set full_at = greatest(held.full_at, clock_timestamp()) + share
        where greatest(held.full_at, clock_timestamp()) + share <= clock_timestamp() + quota_window
      returning full_at into next_full_at;
      asked_at := least(next_full_at - share, clock_timestamp());
      if next_full_at is null then
        select full_at into next_full_at from ${schema}.rate_limits where user_id = caller;
        raise exception 'rate limited' using errcode = 'TD429', detail = greatest(1,
          ceil(extract(epoch from next_full_at + share - quota_window - asked_at)))::integer;
      end if;
      return concat_ws(' ', floor(extract(epoch from asked_at + quota_window - next_full_at)
        / extract(epoch from share) + 0.000001), ceil(extract(epoch from next_full_at - asked_at)));
    end $$`.execute(db)
  }
}

/** The schema of `tasks` and the users table, as identifiers that stand for nothing else. */
async function findNames(db: Kysely<unknown>, usersTable: TableName) {
  const { rows } = await sql<{ schema: string; users: string; idType: string }>`
    select quote_ident(space.nspname) as "schema",
      (select format('%I.%I', nspname, relname) from pg_class
        join pg_namespace on pg_namespace.oid = relnamespace
        where pg_class.oid = ${sql.lit(quoteTableName(usersTable))}::regclass) as "users",
      (select format_type(atttypid, atttypmod) from pg_attribute
        where attrelid = tasks.oid and attname = 'user_id') as "idType"
    from pg_class as tasks join pg_namespace as space on space.oid = tasks.relnamespace
    where tasks.oid = 'tasks'::regclass`.execute(db)
  const [names] = rows
  if (names === undefined) throw new Error('The first migration makes the table tasks.')
  return names
}

/**
 * The owner may execute the function. On a database that was in service before, so may every login
 * that could serve it until now: an upgrade must not shut out a login that owns nothing. The start
 * names them.
 */
async function admitLogins(db: Kysely<unknown>, schema: string): Promise<void> {
  const service = `${schema}.todo_service()`
  await sql`do $$ declare login text; begin
    for login in select rolname from pg_roles
      where not has_function_privilege(oid, ${sql.lit(service)}, 'execute')
      and (rolname = session_user or (rolcanlogin and pg_has_role(oid, 'todo_app', 'member')
        and not exists (select from pg_class
          where oid = 'tasks'::regclass and xmin = pg_current_xact_id()::xid)))
    loop
      execute format('grant execute on function %s to %I', ${sql.lit(service)}, login);
    end loop;
  end $$`.execute(db)
}
