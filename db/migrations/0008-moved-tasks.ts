import { type Kysely, sql } from 'kysely'

/**
 * `todo_move_tasks()` gives the tasks of one user to another, for a frontend that links a guest's
 * account to a new one; see ADR 0072. Row-level security binds the owner of the tables too, so that
 * its own `update` finds no task.
 */
export async function moveTasks(db: Kysely<unknown>): Promise<void> {
  // Its loop reads from a copy: Postgres runs the delete to its end before it gives the first row.
  // With that the two users, who are two callers for the policy, take turns.
  await sql`do $$ declare
    id_type text := (select format_type(atttypid, null) from pg_attribute
      where attrelid = 'tasks'::regclass and attname = 'user_id');
  begin
    execute format($make$
      create or replace function %1$I.todo_move_tasks(from_user %2$s, to_user %2$s)
        returns integer language plpgsql security definer
        set search_path = pg_catalog, %1$I, pg_temp as $move$
      declare
        caller text := current_setting('app.user_id', true);
        users regclass := (select confrelid from pg_constraint
          where conrelid = %3$L::regclass and contype = 'f' and conkey = array[(
            select attnum from pg_attribute
            where attrelid = %3$L::regclass and attname = 'user_id')]);
        known bigint;
        task %1$I.tasks;
        moved integer := 0;
      begin
        if not has_function_privilege(session_user, %4$L, 'execute') then
          raise insufficient_privilege using message = 'the login may not execute todo_service()';
        end if;
        if from_user = to_user then
          return 0;
        end if;
        execute format('select count(*) from %%s where id = $1 or id = $2', users)
          into known using from_user, to_user;
        if known <> 2 then
          raise foreign_key_violation
            using message = format('todo_move_tasks takes two users who are in %%s', users);
        end if;
        perform set_config('app.user_id', from_user::text, true);
        for task in delete from %1$I.tasks where user_id = from_user returning * loop
          perform set_config('app.user_id', to_user::text, true);
          task.user_id := to_user;
          task.version := task.version + 1;
          insert into %1$I.tasks values (task.*);
          moved := moved + 1;
        end loop;
        perform set_config('app.user_id', coalesce(caller, ''), true);
        return moved;
      end $move$
    $make$, current_schema(), id_type, format('%I.tasks', current_schema()),
      format('%I.todo_service()', current_schema()));
  end $$`.execute(db)
  // Requests run as todo_app. One that could call it would reach everybody's tasks.
  await sql`revoke execute on function todo_move_tasks from public, todo_app`.execute(db)
}
