import { type Kysely, sql } from 'kysely'
import { quoteTableName, type TableName } from '#db/table-name'
import type { TableFacts } from '#tools/adopt/table-facts'

/** The longest name that Postgres keeps, in bytes. */
const nameBytes = 63

/** The old table, the name to keep it under, and its foreign keys to the users table. */
interface KeptTable {
  readonly old: TableFacts
  readonly kept: TableName
  readonly userKeys: readonly string[]
}

/**
 * Renames the old table, with the indexes and sequences whose names begin with its name or, if it
 * was called so once, with `tasks_`: the migrations make a `tasks_pkey` too. Other tables and views go on referring to it. Drops its
 * foreign keys to the users table, which would keep accounts from being deleted.
 */
export async function keepTable(
  db: Kysely<unknown>,
  { old, kept, userKeys }: KeptTable,
): Promise<void> {
  const oldName = sql.raw(quoteTableName(old))
  for (const key of userKeys) {
    await sql`alter table ${oldName} drop constraint ${sql.id(key)}`.execute(db)
  }
  const { rows } = await sql<{ name: string; kind: 'index' | 'sequence' }>`
    select relname as "name", case relkind when 'S' then 'sequence' else 'index' end as "kind"
    from pg_class
    where (starts_with(relname::text, ${old.table}::text) or starts_with(relname::text, 'tasks_'))
      and relnamespace = (select relnamespace from pg_class
        where oid = ${quoteTableName(old)}::regclass)
      and (oid in (select indexrelid from pg_index where indrelid = ${quoteTableName(old)}::regclass)
        or relkind = 'S' and oid in (select objid from pg_depend
          where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass
          and refobjid = ${quoteTableName(old)}::regclass and deptype in ('a', 'i')))
    order by relname`.execute(db)
  await sql`alter table ${oldName} rename to ${sql.id(kept.table)}`.execute(db)
  for (const [index, { name, kind }] of rows.entries()) {
    const rest = name.startsWith(old.table) ? name.slice(old.table.length) : `_${name}`
    const renamed = shorten(kept.table + rest, index)
    await sql`alter ${sql.raw(kind)} ${sql.id(old.schema, name)} rename to ${sql.id(renamed)}`.execute(
      db,
    )
  }
}

/** Adds a number to a name that Postgres would cut off, so that two names stay different. */
function shorten(name: string, index: number): string {
  if (Buffer.byteLength(name) <= nameBytes) return name
  return `${cut(name, nameBytes - 4)}_${index}`
}

/** The first bytes of a name, without a part of a character. */
function cut(name: string, bytes: number): string {
  return new TextDecoder().decode(Buffer.from(name).subarray(0, bytes), { stream: true })
}

/** The names to keep the old table under, `tasks_before_adoption`, with a number if an earlier adoption has taken that name. */
export async function freeNames(db: Kysely<unknown>, { schema, table }: TableFacts) {
  for (let number = 1; ; number += 1) {
    const suffix = number === 1 ? '' : `_${number}`
    const kept = { schema, table: `${cut(table, 30)}_before_adoption${suffix}` }
    const ids = { schema, table: `${kept.table}_ids` }
    const { rows } = await sql<{
      isFree: boolean
    }>`select to_regclass(${quoteTableName(kept)}) is null
      and to_regclass(${quoteTableName(ids)}) is null as "isFree"`.execute(db)
    if (rows[0]?.isFree !== false) return { kept, ids }
  }
}
