const owner = `user_id::text = (select nullif(current_setting('app.user_id', true), ''))`
const policy = 'alter policy tasks_of_caller on tasks'
const forgotten = 'restore tasks_of_caller'

/** Each way to break the second wall, how to mend it, and what the service tells to do. */
export const walls = [
  {
    name: 'another policy lets everybody in',
    breakIt: 'create policy open on tasks using (true)',
    mendIt: 'drop policy open on tasks',
    remedy: 'Drop the others',
  },
  {
    name: 'the policy is gone',
    breakIt: `${policy} rename to gone; alter policy gone on tasks using (false)`,
    mendIt: `alter policy gone on tasks rename to tasks_of_caller; ${policy} using (${owner})`,
    remedy: forgotten,
  },
  {
    name: 'the policy compares with or true',
    breakIt: `${policy} using (${owner} or true)`,
    mendIt: `${policy} using (${owner})`,
    remedy: forgotten,
  },
  {
    name: 'the policy lets everybody write for others',
    breakIt: `${policy} with check (true)`,
    mendIt: `${policy} with check (${owner})`,
    remedy: forgotten,
  },
  {
    name: 'requests may empty the table',
    breakIt: 'grant truncate on tasks to todo_app',
    mendIt: 'revoke truncate on tasks from todo_app',
    remedy: 'REVOKE TRUNCATE ON tasks FROM todo_app, PUBLIC;',
  },
  {
    name: 'row-level security is off',
    breakIt: 'alter table tasks disable row level security',
    mendIt: 'alter table tasks enable row level security',
    remedy: 'ENABLE ROW LEVEL SECURITY',
  },
  {
    name: 'row-level security is not forced',
    breakIt: 'alter table tasks no force row level security',
    mendIt: 'alter table tasks force row level security',
    remedy: 'FORCE ROW LEVEL SECURITY',
  },
  {
    name: 'another table of users has no wall',
    breakIt: 'create table labels (user_id text); grant insert on labels to todo_app',
    mendIt: 'drop table labels',
    remedy: 'REVOKE ALL ON labels FROM todo_app, PUBLIC;',
  },
] as const
