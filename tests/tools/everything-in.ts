import { Client } from 'pg'

/**
 * All that is in a database and matters to an adoption: the catalog's rows about tables, indexes,
 * sequences, constraints, policies and functions, grants included, and a hash of every table's rows.
 */
export async function everythingIn(url: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const read = async (sql: string) => (await client.query<Record<string, unknown>>(sql)).rows
  const ours = `relnamespace in (select oid from pg_namespace
    where nspname !~ '^pg_' and nspname <> 'information_schema')`
  const catalog = await read(
    `select relname::text as name, relkind::text as kind, relacl::text as grants,
      relrowsecurity, relforcerowsecurity, relnamespace::regnamespace::text as schema,
      (select json_agg(json_build_array(attname, format_type(atttypid, atttypmod), attnotnull)
        order by attnum) from pg_attribute where attrelid = pg_class.oid and not attisdropped) as columns,
      (select json_agg(pg_get_constraintdef(oid) order by conname) from pg_constraint
        where conrelid = pg_class.oid) as constraints,
      (select json_agg(polname order by polname) from pg_policy
        where polrelid = pg_class.oid) as policies
    from pg_class where ${ours} order by 1`,
  )
  const functions = await read(
    `select proname::text as name from pg_proc where pronamespace = 'public'::regnamespace order by 1`,
  )
  const rows = []
  for (const { name, kind, schema } of catalog) {
    if (kind !== 'r') continue
    const table = `"${schema}"."${name}"`
    const [found] = await read(
      `select '${table}' as table, count(*)::int as count,
        md5(string_agg(entry::text, chr(10) order by entry::text)) as hash from ${table} as entry`,
    )
    rows.push(found ?? {})
  }
  await client.end()
  return [...catalog, ...functions, ...rows]
}
