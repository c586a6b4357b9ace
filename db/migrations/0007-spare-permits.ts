import { type Kysely, sql } from 'kysely'

/**
 * `todo_take_permits()` takes a permit as `todo_take_permit()` does, and spare ones for the requests
 * that are likely to follow: a tenth of what is left at most, so fewer the closer the user is to
 * the limit, and none at the end. See ADR 0059.
 */
export async function spareWrites(db: Kysely<unknown>): Promise<void> {
  // It returns the first permit, how many came with it, and in how many milliseconds the share of
  // the last has passed. A login that is none of the service is refused by the first permit.
  await sql`do $$ begin
    execute format($make$
      create or replace function todo_take_permits(
          caller text, requests integer, seconds integer, most integer)
        returns text language plpgsql security definer
        set search_path = pg_catalog, %1$I, pg_temp as $take$
      declare
        permit text := %1$I.todo_take_permit(caller, requests, seconds);
        spare integer := least(most, split_part(permit, ' ', 1)::integer / 10);
        last_full_at timestamptz;
      begin
        if spare < 1 then
          return permit;
        end if;
        update %1$I.rate_limits
          set full_at = full_at + make_interval(secs => seconds::double precision / requests) * spare
          where user_id = caller returning full_at into last_full_at;
        return concat_ws(' ', permit, spare,
          extract(epoch from last_full_at - clock_timestamp()) * 1000);
      end $take$
    $make$, current_schema());
  end $$`.execute(db)
  await sql`revoke execute on function todo_take_permits from public`.execute(db)
  await sql`grant execute on function todo_take_permits to todo_app`.execute(db)
}
