-- Makes tasks a table of 16 partitions, see docs/scaling.md. If USERS_TABLE is not users, change the name here.
begin;
-- With this, a policy that would hide rows from the copy is an error. Without "no force", there is one.
set local row_security = off;
alter table tasks rename to tasks_before;
alter table tasks_before no force row level security;
alter table tasks_before rename constraint tasks_pkey to tasks_before_pkey;
alter table tasks_before rename constraint tasks_user_id_fkey to tasks_before_user_id_fkey;
alter index tasks_newest_first rename to tasks_before_newest_first;
alter index tasks_by_title rename to tasks_before_by_title;

create table tasks (
  like tasks_before including defaults including constraints,
  constraint tasks_pkey primary key (user_id, id),
  constraint tasks_user_id_fkey foreign key (user_id) references users (id) on delete cascade
) partition by hash (user_id);
do $$ begin
  for remainder in 0..15 loop
    execute format('create table tasks_%s partition of tasks
      for values with (modulus 16, remainder %s)', remainder, remainder);
    execute format('revoke all on tasks_%s from public, todo_app', remainder);
  end loop;
end $$;

insert into tasks select * from tasks_before;
drop table tasks_before;
create index tasks_newest_first on tasks (user_id, created_at desc, id desc);
create index tasks_by_title on tasks (user_id, title collate "und-x-icu", created_at, id);

revoke all on tasks from public, todo_app;
grant select, insert, delete, update (title, description, completed, version, updated_at)
  on tasks to todo_app;
alter table tasks enable row level security, force row level security;
create policy tasks_of_caller on tasks
  using (user_id::text = (select nullif(current_setting('app.user_id', true), '')))
  with check (user_id::text = (select nullif(current_setting('app.user_id', true), '')));
create policy tasks_of_service on tasks as restrictive
  using ((select has_function_privilege(session_user, 'todo_service()'::regprocedure, 'execute')));
commit;
analyze tasks;
