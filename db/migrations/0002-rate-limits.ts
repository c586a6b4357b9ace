import { type Kysely, sql } from 'kysely'

/**
 * `rate_limits` and `todo_take_permit()`, by the generic cell rate algorithm (GCRA): one timestamp
 * for each user, the instant at which the whole quota will be there again. A request moves it on by
 * its share of the window, and is refused where that would reach beyond the window.
 */
export async function limitRates(db: Kysely<unknown>): Promise<void> {
  // Unlogged: after a crash everybody has the whole quota, and no request pays for the log. The
  // free half of each page keeps the updates in place.
  await sql`create unlogged table rate_limits (
    user_id text primary key,
    full_at timestamptz not null
  ) with (fillfactor = 50)`.execute(db)

  // Returns what is left and the seconds until all of it is back. A refusal is an error, so that
  // the statement behind it does not run; its detail is the seconds to wait.
  await sql`create function todo_take_permit(caller text, requests integer, seconds integer)
    returns text language plpgsql security definer set search_path from current as $$
  declare
    asked_at timestamptz := clock_timestamp();
    share interval := make_interval(secs => seconds::double precision / requests);
    quota_window interval := make_interval(secs => seconds);
    next_full_at timestamptz;
  begin
    insert into rate_limits as held values (caller, asked_at + share)
    on conflict (user_id) do update set full_at = greatest(held.full_at, asked_at) + share
      where greatest(held.full_at, asked_at) + share <= asked_at + quota_window
    returning full_at into next_full_at;
    if next_full_at is null then
      select full_at into next_full_at from rate_limits where user_id = caller;
      raise exception 'rate limited' using errcode = 'TD429', detail =
        greatest(1, ceil(extract(epoch from next_full_at + share - quota_window - asked_at)))::integer;
    end if;
    return concat_ws(' ', floor(extract(epoch from asked_at + quota_window - next_full_at)
      / extract(epoch from share) + 0.000001), ceil(extract(epoch from next_full_at - asked_at)));
  end $$`.execute(db)
  await sql`revoke execute on function todo_take_permit from public`.execute(db)
  await sql`grant execute on function todo_take_permit to todo_app`.execute(db)
}
