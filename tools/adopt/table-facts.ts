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
  /** The columns each of which alone names a row, that of the primary key first. No key spans heirs. */
  readonly keys: readonly string[]
  readonly columns: readonly Column[]
}

/** A table, and its name as one writes it in SQL. */
export interface NamedTable {
  readonly schema: string
  readonly table: string
  readonly label: string
}

/** All tables and views but those of Postgres. Those that the search path finds come first. */
export async function listTables(db: Kysely<unknown>): Promise<NamedTable[]> {
  const { rows } = await sql<NamedTable>`
    select nspname as "schema", relname as "table", class.oid::regclass::text as "label"
    from pg_class as class join pg_namespace on pg_namespace.oid = relnamespace
    where relkind in ('r', 'p', 'v', 'm', 'f') and nspname !~ '^pg_' and nspname <> 'information_schema'
    order by pg_table_is_visible(class.oid) desc, nspname, relname`.execute(db)
  return rows
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
      (select coalesce(json_agg(attname order by indisprimary desc, attnum), '[]')
        from pg_index join pg_attribute on attrelid = indrelid and attnum = indkey[0] and attnotnull
        where indrelid = class.oid and indisunique and indisvalid and indpred is null
          and indnkeyatts = 1 and not exists (select from pg_inherits join pg_class as heir on heir.oid = inhrelid
            where inhparent = indrelid and not heir.relispartition)) as "keys",
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
  /** The columns that it refers to. */
  readonly toColumns: readonly string[]
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
      (select json_agg(attname) from pg_attribute
        where attrelid = confrelid and attnum = any (confkey)) as "toColumns",
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

/** The functions whose text has the name of the table, besides those of this service. */
export async function functionsNaming(db: Kysely<unknown>, facts: TableFacts): Promise<string[]> {
  const { rows } = await sql<{ called: string }>`
    select pg_proc.oid::regprocedure::text as "called"
    from pg_proc join pg_namespace on pg_namespace.oid = pronamespace
      join pg_language on pg_language.oid = prolang
    where nspname !~ '^pg_' and nspname <> 'information_schema'
      and lanname not in ('c', 'internal') and prosrc ~* ${`\\m${literally(facts.table)}\\M`}
      and not exists (select from pg_depend
        where classid = 'pg_proc'::regclass and objid = pg_proc.oid and deptype = 'e')
      and not (proname like 'todo\\_%' and exists (select from pg_proc as service
        where service.pronamespace = pg_proc.pronamespace and service.proname = 'todo_service'))
    order by 1`.execute(db)
  return rows.map(({ called }) => called)
}

const literally = (text: string) => text.replace(/[^\p{L}\p{N}_]/gu, '\\$&')
