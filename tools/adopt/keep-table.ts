import { type Kysely, sql } from 'kysely'
import { quoteTableName } from '#db/table-name'
import type { Plan } from '#tools/adopt/plan'

/** The longest name that Postgres keeps, in bytes. */
const nameBytes = 63

/**
 * Renames the old table, with the indexes and sequences whose names begin with its name, because
 * the migrations make a `tasks_pkey` too. Other tables and views go on referring to it. Drops its
 * foreign keys to the users table, which would keep accounts from being deleted.
 */
export async function keepTable(db: Kysely<unknown>, { old, kept, userKeys }: Plan): Promise<void> {
  const oldName = sql.raw(quoteTableName(old))
  for (const key of userKeys) {
    await sql`alter table ${oldName} drop constraint ${sql.id(key)}`.execute(db)
  }
  const { rows } = await sql<{ name: string; kind: 'index' | 'sequence' }>`
    select relname as "name", case relkind when 'S' then 'sequence' else 'index' end as "kind"
    from pg_class where starts_with(relname::text, ${old.table}::text)
      and relnamespace = (select relnamespace from pg_class
        where oid = ${quoteTableName(old)}::regclass)
      and (oid in (select indexrelid from pg_index where indrelid = ${quoteTableName(old)}::regclass)
        or relkind = 'S' and oid in (select objid from pg_depend
          where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass
          and refobjid = ${quoteTableName(old)}::regclass and deptype in ('a', 'i')))
    order by relname`.execute(db)
  await sql`alter table ${oldName} rename to ${sql.id(kept.table)}`.execute(db)
  for (const [index, { name, kind }] of rows.entries()) {
    const renamed = shorten(kept.table + name.slice(old.table.length), index)
    await sql`alter ${sql.raw(kind)} ${sql.id(old.schema, name)} rename to ${sql.id(renamed)}`.execute(
      db,
    )
  }
}

/** Adds a number to a name that Postgres would cut off, so that two names stay different. */
function shorten(name: string, index: number): string {
  if (Buffer.byteLength(name) <= nameBytes) return name
  return `${Buffer.from(name)
    .subarray(0, nameBytes - 4)
    .toString()}_${index}`
}
