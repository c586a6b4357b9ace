import { type Kysely, sql } from 'kysely'

/**
 * Takes back what default privileges gave of the tables that nobody else needs, to roles that stand for
 * strangers: they cannot log in. On Supabase everybody on the internet could read the users table that
 * the service made, delete a user with all tasks, and use up anybody's rate limit. Of `tasks`, what
 * row-level security does not see: to empty it, and a trigger that is handed everybody's tasks.
 */
export async function closeTables(db: Kysely<unknown>): Promise<void> {
  // A users table of the service was made in one transaction with the list of migrations; that of
  // anybody else keeps its rights.
  await sql`do $$ declare given record; begin
      for given in
        select distinct own.oid::regclass as "table",
          case own.relname when 'tasks' then 'truncate, references, trigger' else 'all' end as "rights",
          case grantee when 0 then 'public' else grantee::regrole::text end as "role"
        from pg_class as own join pg_type as made on made.oid = reltype
          join pg_class as list on list.oid = 'kysely_migration'::regclass
          join pg_type as listed on listed.oid = list.reltype
          join pg_default_acl on defaclobjtype = 'r' and defaclrole = own.relowner
            and defaclnamespace in (0, own.relnamespace), aclexplode(defaclacl)
          left join pg_roles as stranger on stranger.oid = grantee
        where grantee <> own.relowner and rolcanlogin is not true and (own.relnamespace = list.relnamespace
          and own.relname in ('tasks', 'rate_limits', 'kysely_migration', 'kysely_migration_lock')
          or made.xmin = listed.xmin and own.oid in (select confrelid from pg_constraint
            where contype = 'f' and conrelid = 'tasks'::regclass))
      loop
        execute format('revoke %s on %s from %s cascade', given.rights, given."table", given."role");
      end loop;
    end $$`.execute(db)
}
