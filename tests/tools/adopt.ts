import { Client } from 'pg'
import type { OpenDatabase } from '#db/database'
import { readTableName } from '#db/table-name'
import type { TestDatabase } from '#tests/support/databases'
import { startScript } from '#tests/support/script'
import { statementsOf } from '#tests/support/statements'
import { testSecret } from '#tests/support/tokens'
import { type Adoption, adopt } from '#tools/adopt/adopt'
import { readAskedColumn } from '#tools/adopt/asked-columns'
import type { AdoptRequest } from '#tools/adopt/plan'
import { isProblemKind } from '#tools/adopt/problems'

/** Starts `npm run db:adopt` on a database, without waiting for it. */
export function startAdopt(url: string, parameters: readonly string[]) {
  const env = { DATABASE_URL: url, BETTER_AUTH_SECRET: testSecret }
  return startScript('db:adopt', env, parameters)
}

/** Runs `npm run db:adopt` to its end. */
export async function runAdopt(url: string, parameters: readonly string[] = []) {
  return await startAdopt(url, parameters).ended
}

const request: AdoptRequest = {
  table: undefined,
  usersTable: { table: 'users' },
  usersIdType: 'text',
  timeZone: 'UTC',
  repair: [],
  leave: [],
  columns: [],
}

/** Looks at what a database has, or adopts it, in this process. */
export async function adoptIn(
  { transport }: OpenDatabase,
  how: 'look' | 'yes',
  overrides: Partial<AdoptRequest> = {},
): Promise<Adoption> {
  return await adopt(transport, { ...request, ...overrides }, how === 'yes')
}

/** What the options of the command and `USERS_TABLE` ask for, as a shell would read them. */
export function parseOptions(options: readonly string[]): Partial<AdoptRequest> {
  const values = (option: string) =>
    options
      .filter((text) => text.startsWith(option))
      .map((text) => text.slice(option.length).replace(/^'(.*)'$/, '$1'))
  const [usersTable] = values('USERS_TABLE=').map(readTableName)
  const [timeZone] = values('--timezone ')
  return {
    ...(usersTable && { usersTable }),
    ...(timeZone !== undefined && { timeZone }),
    table: values('--table ')[0],
    columns: values('--column ').map(readAskedColumn),
    repair: values('--repair ').filter(isProblemKind),
    leave: values('--leave ').filter(isProblemKind),
  }
}

/** The tasks that a user finds after an adoption, by their titles. */
export async function tasksOf({ database }: Pick<TestDatabase, 'database'>, userId: string) {
  const { list } = statementsOf(database.forUser(userId), userId)
  return JSON.parse((await list({ sort: 'title', order: 'asc' })).json)
}

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
