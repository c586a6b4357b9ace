import { type Kysely, sql } from 'kysely'

/**
 * `todo_take_permit()` reads the clock when it is its turn. One that read it before it waited for
 * the user's row came after requests that asked later, and was refused the last of their permits.
 */
export async function takePermitsInTurn(db: Kysely<unknown>): Promise<void> {
  await sql`create or replace function todo_take_permit(caller text, requests integer, seconds integer)
    returns text language plpgsql security definer set search_path from current as $$
  declare
    share interval := make_interval(secs => seconds::double precision / requests);
    quota_window interval := make_interval(secs => seconds);
    next_full_at timestamptz;
    asked_at timestamptz;
  begin
    insert into rate_limits as held values (caller, clock_timestamp() + share)
    on conflict (user_id) do update set full_at = greatest(held.full_at, clock_timestamp()) + share
      where greatest(held.full_at, clock_timestamp()) + share <= clock_timestamp() + quota_window
    returning full_at into next_full_at;
    -- The instant that the permit was counted from, or now.
    asked_at := least(next_full_at - share, clock_timestamp());
    if next_full_at is null then
      select full_at into next_full_at from rate_limits where user_id = caller;
      raise exception 'rate limited' using errcode = 'TD429', detail =
        greatest(1, ceil(extract(epoch from next_full_at + share - quota_window - asked_at)))::integer;
    end if;
    return concat_ws(' ', floor(extract(epoch from asked_at + quota_window - next_full_at)
      / extract(epoch from share) + 0.000001), ceil(extract(epoch from next_full_at - asked_at)));
  end $$`.execute(db)
}
