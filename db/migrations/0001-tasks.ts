import { type Kysely, sql } from 'kysely'
import { quoteTableName, type TableName } from '#db/table-name'

/** What Better Auth makes its ids of: letters and digits, or UUIDs that the database gives out. */
export type UsersIdType = 'text' | 'uuid'

const idColumns = { text: 'text', uuid: 'uuid default gen_random_uuid()' }

/**
 * The users table (only where there is none), `tasks`, and the second wall around it: the role
 * `todo_app`, forced row-level security, and `todo_owner()`, the one way from a request to users.
 */
export function createTasks(usersTable: TableName, usersIdType: UsersIdType) {
  return async function up(db: Kysely<unknown>): Promise<void> {
    const users = sql.raw(quoteTableName(usersTable))
    const name = sql.lit(quoteTableName(usersTable))

    // Better Auth may come before or after. Its migration adds the columns it misses. Where the table
    // is there, "if not exists" alone would ask for the right to make tables in its schema.
    await sql`do $$ begin
      if to_regclass(${name}) is null then
        create table if not exists ${users} (
          id ${sql.raw(idColumns[usersIdType])} primary key,
          email text unique,
          name text,
          created_at timestamptz not null default now()
        );
      end if;
    end $$`.execute(db)

    // The type of users.id is Better Auth's choice: text on uuid, or the reverse, fails with 42804.
    const found = await sql<{ type: string }>`
      select format_type(atttypid, atttypmod) as type from pg_attribute
      where attrelid = ${name}::regclass and attname = 'id' and not attisdropped`.execute(db)
    const idType = sql.raw(found.rows[0]?.type ?? missingId(usersTable))

    // created_at has the milliseconds that a client is shown, so that a page can end at one exactly.
    // An id comes back when its task was deleted and its idempotency key is sent again: versions
    // that started at 1 would then repeat, and with them the ETags.
    await sql`create table tasks (
      user_id ${idType} not null references ${users} (id) on delete cascade,
      id uuid not null,
      title text not null check (char_length(title) between 1 and 200),
      description text check (char_length(description) <= 1000),
      completed boolean not null default false,
      version integer not null default floor(random() * 1000000000),
      creation text check (char_length(creation) <= 100),
      created_at timestamptz(3) not null default now(),
      updated_at timestamptz(3) not null default now(),
      primary key (user_id, id)
    )`.execute(db)
    await sql`create index tasks_newest_first on tasks (user_id, created_at desc, id desc)`.execute(
      db,
    )

    // Superusers and Neon's console-made roles bypass row-level security, so requests take this
    // role. It belongs to the whole cluster: another database may have made it, even just now.
    await sql`do $$ begin
      if not exists (select from pg_roles where rolname = 'todo_app') then
        create role todo_app nologin;
      end if;
    exception when duplicate_object or unique_violation then null;
    end $$`.execute(db)
    // An administrator may have granted it already, to a login that may not do so itself.
    await sql`do $$ begin
      grant todo_app to current_user;
    exception when insufficient_privilege then null;
    end $$`.execute(db)
    await sql`do $$ begin
      execute format('grant usage on schema %I to todo_app', current_schema());
    end $$`.execute(db)
    await sql`grant select, insert, delete, update (title, description, completed, version, updated_at)
      on tasks to todo_app`.execute(db)

    await sql`alter table tasks enable row level security, force row level security`.execute(db)
    // The sub-select is evaluated once per statement; nullif makes a lost setting match nobody.
    await sql`create policy tasks_of_caller on tasks
      using (user_id::text = (select nullif(current_setting('app.user_id', true), '')))
      with check (user_id::text = (select nullif(current_setting('app.user_id', true), '')))`.execute(
      db,
    )

    // Requests have no right to the users table, only to this function. Where another table refers
    // to users, Better Auth owns it: a missing row is then a deleted account and stays missing. The
    // address of somebody else is left out, so that it cannot keep a new account from its tasks.
    await sql`create function todo_owner(owner ${idType}, owner_email text, owner_name text)
      returns ${idType} language plpgsql security definer set search_path from current as $$
    begin
      if exists (select from ${users} where id = owner)
        or exists (select from pg_constraint where contype = 'f' and confrelid = ${name}::regclass
          and conrelid <> 'tasks'::regclass and conparentid = 0) then
        return owner;
      end if;
      insert into ${users} (id, email, name)
      select owner, case when not exists (select from ${users} where email = owner_email)
        then owner_email end, owner_name
      on conflict do nothing;
      return owner;
    end $$`.execute(db)
    await sql`revoke execute on function todo_owner from public`.execute(db)
    await sql`grant execute on function todo_owner to todo_app`.execute(db)
  }
}

function missingId(usersTable: TableName): never {
  throw new Error(
    `${quoteTableName(usersTable)} has no column "id": set USERS_TABLE to the users table.`,
  )
}
