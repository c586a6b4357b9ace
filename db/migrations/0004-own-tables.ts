import { type Kysely, sql } from 'kysely'
import { quoteTableName, type TableName } from '#db/table-name'

/**
 * `todo_owner()` takes a reference to the users by another table for Better Auth's, and makes no
 * rows any more. Tables of this service refer to them too: the policy of the second wall tells.
 */
export function recogniseOwnTables(usersTable: TableName) {
  return async function up(db: Kysely<unknown>): Promise<void> {
    const users = sql.raw(quoteTableName(usersTable))
    const name = sql.lit(quoteTableName(usersTable))
    const found = await sql<{ type: string }>`
      select format_type(atttypid, atttypmod) as type from pg_attribute
      where attrelid = 'tasks'::regclass and attname = 'user_id'`.execute(db)
    const idType = sql.raw(found.rows[0]?.type ?? 'text')
    await sql`create or replace function todo_owner(owner ${idType}, owner_email text, owner_name text)
      returns ${idType} language plpgsql security definer set search_path from current as $$
    begin
      if exists (select from ${users} where id = owner)
        or exists (select from pg_constraint where contype = 'f' and confrelid = ${name}::regclass
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
  }
}
