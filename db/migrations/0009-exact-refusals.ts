import { type Kysely, sql } from 'kysely'

/**
 * `todo_take_permit()` says in a refusal's hint after how many milliseconds a permit is back. A process
 * remembers that, and answers the user's requests until then without the database: ADR 0067.
 */
export async function tellExactWait(db: Kysely<unknown>): Promise<void> {
  await sql`do $$ begin
    execute format($make$
      create or replace function todo_take_permit(caller text, requests integer, seconds integer)
        returns text language plpgsql security definer
        set search_path = pg_catalog, %1$I, pg_temp as $take$
      declare
        share interval := make_interval(secs => seconds::double precision / requests);
        quota_window interval := make_interval(secs => seconds);
        next_full_at timestamptz;
        asked_at timestamptz;
        wait double precision;
      begin
        if not has_function_privilege(session_user, %2$L, 'execute') then
          raise insufficient_privilege using message = 'the login may not execute todo_service()';
        end if;
        insert into %1$I.rate_limits as held values (caller, clock_timestamp() + share)
        on conflict (user_id) do update
          set full_at = greatest(held.full_at, clock_timestamp()) + share
          where greatest(held.full_at, clock_timestamp()) + share <= clock_timestamp() + quota_window
        returning full_at into next_full_at;
        asked_at := least(next_full_at - share, clock_timestamp());
        if next_full_at is null then
          select full_at into next_full_at from %1$I.rate_limits where user_id = caller;
          wait := extract(epoch from next_full_at + share - quota_window - asked_at);
          raise exception 'rate limited' using errcode = 'TD429',
            detail = greatest(1, ceil(wait))::integer, hint = greatest(0, floor(wait * 1000))::bigint;
        end if;
        return concat_ws(' ', floor(extract(epoch from asked_at + quota_window - next_full_at)
          / extract(epoch from share) + 0.000001), ceil(extract(epoch from next_full_at - asked_at)));
      end $take$
    $make$, current_schema(), format('%I.todo_service()', current_schema()));
  end $$`.execute(db)
}
