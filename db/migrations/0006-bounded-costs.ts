import { type Kysely, sql } from 'kysely'

/**
 * What a request costs has a bound. `tasks_by_title` serves a page by title as `tasks_newest_first`
 * serves one by time: without it every page sorted all tasks of its user. And
 * `todo_forget_permits()` takes the users out of `rate_limits` who have their whole quota again.
 */
export async function boundCosts(db: Kysely<unknown>): Promise<void> {
  // With "if not exists", it can be made beforehand without a lock: see docs/deployment.md.
  await sql`create index if not exists tasks_by_title
    on tasks (user_id, title collate "und-x-icu", created_at, id)`.execute(db)

  // A row whose instant has passed says no more than a missing one. Rows in use are left alone, and
  // the number keeps each run short.
  await sql`do $$ begin
    execute format($make$
      create or replace function todo_forget_permits() returns void language sql security definer
      set search_path = pg_catalog, %1$I, pg_temp as $forget$
        delete from %1$I.rate_limits where user_id in (
          select user_id from %1$I.rate_limits where full_at < clock_timestamp()
          limit 10000 for update skip locked)
      $forget$
    $make$, current_schema());
  end $$`.execute(db)
  await sql`revoke execute on function todo_forget_permits from public`.execute(db)
  await sql`grant execute on function todo_forget_permits to todo_app`.execute(db)
}
