import { type Kysely, sql } from 'kysely'
import { quoteTableName, type TableName } from '#db/table-name'

export interface Column {
  readonly name: string
  /** As Postgres prints it, such as `character varying(200)`. For a domain, the type behind it. */
  readonly type: string
  /** Postgres' category of the type: `S` for text, `N` for numbers, `B` for boolean. */
  readonly category: string
  /** Whether an insert must give a value. */
  readonly isRequired: boolean
}

/** What the catalog says about a table. */
export interface TableFacts {
  readonly schema: string
  readonly table: string
  /** The name as one writes it in SQL. */
  readonly label: string
  readonly isTable: boolean
  /** Whether it is the `tasks` of this service, which the policy `tasks_of_caller` shows. */
  readonly isOurs: boolean
  /** Whether the login has the rights of its owner. */
  readonly isOwned: boolean
  /** Whether row-level security hides rows from the login. */
  readonly isHidden: boolean
  /** Whether its `id` alone names a row. */
  readonly hasKey: boolean
  readonly columns: readonly Column[]
}

/** Looks a table up by the search path, as a statement does. Undefined if there is none. */
export async function findTable(
  db: Kysely<unknown>,
  name: TableName,
): Promise<TableFacts | undefined> {
  const { rows } = await sql<TableFacts>`
    select nspname as "schema", relname as "table", class.oid::regclass::text as "label",
      relkind in ('r', 'p') as "isTable",
      exists (select from pg_policy
        where polrelid = class.oid and polname = 'tasks_of_caller') as "isOurs",
      pg_has_role(relowner, 'usage') as "isOwned",
      row_security_active(class.oid) as "isHidden",
      exists (select from pg_index where indrelid = class.oid and indisunique and indisvalid
        and indpred is null and indnkeyatts = 1 and indkey[0] = (select attnum from pg_attribute
          where attrelid = class.oid and attname = 'id' and attnotnull)) as "hasKey",
      (select json_agg(json_build_object('name', attname,
          'type', format_type(coalesce(nullif(typbasetype, 0), atttypid),
            case typbasetype when 0 then atttypmod else typtypmod end),
          'category', typcategory,
          'isRequired', attnotnull and not atthasdef and attidentity = '') order by attnum)
        from pg_attribute join pg_type on pg_type.oid = atttypid
        where attrelid = class.oid and attnum > 0 and not attisdropped) as "columns"
    from pg_class as class join pg_namespace on pg_namespace.oid = relnamespace
    where class.oid = to_regclass(${quoteTableName(name)})`.execute(db)
  return rows[0]
}

/** A foreign key, and the names of its two tables as one writes them in SQL. */
export interface ForeignKey {
  readonly name: string
  readonly from: string
  readonly to: string
  /** The columns that it is declared on. */
  readonly columns: readonly string[]
  /** Whether a table of this service declares it. */
  readonly isOfService: boolean
}

/** The foreign keys that a table declares, and those of other tables that refer to it. */
export async function foreignKeys(
  db: Kysely<unknown>,
  facts: TableFacts,
): Promise<{ out: ForeignKey[]; in: ForeignKey[] }> {
  const name = quoteTableName(facts)
  const { rows } = await sql<ForeignKey>`
    select conname as "name", conrelid::regclass::text as "from", confrelid::regclass::text as "to",
      (select json_agg(attname) from pg_attribute
        where attrelid = conrelid and attnum = any (conkey)) as "columns",
      exists (select from pg_policy
        where polrelid = conrelid and polname like '%\\_of\\_caller') as "isOfService"
    from pg_constraint where contype = 'f' and conparentid = 0
      and ${name}::regclass in (conrelid, confrelid) order by 1`.execute(db)
  return {
    out: rows.filter(({ from }) => from === facts.label),
    in: rows.filter(({ from, to }) => to === facts.label && from !== facts.label),
  }
}

/** The names of the views that read a table, as one writes them in SQL. */
export async function viewsOn(db: Kysely<unknown>, facts: TableFacts): Promise<string[]> {
  const { rows } = await sql<{ view: string }>`
    select distinct ev_class::regclass::text as "view"
    from pg_rewrite join pg_depend on pg_depend.objid = pg_rewrite.oid
    where pg_depend.classid = 'pg_rewrite'::regclass
      and pg_depend.refclassid = 'pg_class'::regclass
      and pg_depend.refobjid = ${quoteTableName(facts)}::regclass
      and ev_class <> pg_depend.refobjid order by 1`.execute(db)
  return rows.map(({ view }) => view)
}
