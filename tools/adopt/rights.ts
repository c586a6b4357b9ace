/** What the login would be refused by `--yes`, so that a look can say it. */
import { type Kysely, type RawBuilder, sql } from 'kysely'
import { sqlStateOf } from '#db/errors'
import { migrationNames } from '#db/migrate'
import { callerRole } from '#db/scoped'
import { quoteTableName, type TableName } from '#db/table-name'
import type { TableFacts } from '#tools/adopt/table-facts'

/** The rights that an adoption uses and the login lacks, and what stands where tables would be made. */
export async function rightFaults(
  db: Kysely<unknown>,
  old: TableFacts,
  users: TableFacts | undefined,
  usersTable: TableName,
): Promise<string[]> {
  const { rows } = await sql<{ schema: string | null; mayMake: boolean; mayKeep: boolean }>`
    select current_schema() as "schema",
      coalesce(has_schema_privilege(current_schema(), 'create'), false) as "mayMake",
      has_schema_privilege(${old.schema}::text, 'create') as "mayKeep"`.execute(db)
  const { schema = null, mayMake = false, mayKeep = false } = rows[0] ?? {}
  const lacking = [
    ...(mayMake ? [] : [schema ?? 'of the search path']),
    ...(mayKeep || old.schema === schema ? [] : [old.schema]),
  ]
  const faults = lacking.map(
    (each) =>
      `The login in DATABASE_URL may not create tables in the schema ${each}. Run as its owner: GRANT CREATE, USAGE ON SCHEMA ${each} TO <the login>;`,
  )
  if (users === undefined) faults.push(...(await missingUsersFaults(db, usersTable)))
  else if (!(await mayReferTo(db, users))) {
    faults.push(
      `The login in DATABASE_URL may not refer to the users. Run as their owner: GRANT SELECT, REFERENCES ON ${users.label} TO <the login>;`,
    )
  }
  return [...faults, ...(await obstacles(db, old, schema)), ...(await roleFaults(db))]
}

/** The first migration makes the users table; for that, its schema must be there. */
async function missingUsersFaults(db: Kysely<unknown>, { schema }: TableName): Promise<string[]> {
  if (schema === undefined) return []
  const { rows } = await sql`select from pg_namespace
    where nspname = ${schema} and has_schema_privilege(oid, 'create')`.execute(db)
  return rows.length > 0
    ? []
    : [`The users table does not exist, and the login cannot create it in the schema ${schema}.`]
}

async function mayReferTo(db: Kysely<unknown>, users: TableFacts): Promise<boolean> {
  const { rows } = await sql<{ may: boolean }>`
    select has_table_privilege(oid, 'references') and has_table_privilege(oid, 'select') as "may"
    from pg_class where oid = ${quoteTableName(users)}::regclass`.execute(db)
  return rows[0]?.may ?? false
}

/** Another program's tables under names that the migrations need. */
async function obstacles(
  db: Kysely<unknown>,
  old: TableFacts,
  schema: string | null,
): Promise<string[]> {
  const { rows } = await sql<{ table: string }>`
    select relname as "table" from pg_class where relname in ('tasks', 'rate_limits', 'kysely_migration')
      and relnamespace = ${schema}::text::regnamespace and not exists (select from pg_class as tasks
        join pg_policy on polrelid = tasks.oid and polname = 'tasks_of_caller'
        where tasks.relname = 'tasks' and tasks.relnamespace = pg_class.relnamespace)`.execute(db)
  const faults = rows
    .filter(({ table }) => table !== 'kysely_migration')
    .filter(({ table }) => old.schema !== schema || old.table !== table)
    .map(
      ({ table }) =>
        `Another program’s ${table} is where the service makes its own: rename it, or adopt it first.`,
    )
  if (rows.some(({ table }) => table === 'kysely_migration')) {
    const { rows: foreign } =
      await sql`select from ${sql.id(schema ?? 'public', 'kysely_migration')}
      where name not in (${sql.join(migrationNames)}) limit 1`.execute(db)
    if (foreign.length > 0) {
      faults.push('The table kysely_migration lists migrations of another program: rename it.')
    }
  }
  return faults
}

/** Takes the role of the requests as the migrations and the start do, and gives it back. */
async function roleFaults(db: Kysely<unknown>): Promise<string[]> {
  const role = sql.id(callerRole)
  const take = sql`select set_config('role', ${callerRole}, true)`
  if (await works(db, take)) return []
  const make = sql`do $$ begin
    if not exists (select from pg_roles where rolname = ${sql.lit(callerRole)}) then
      create role ${role} nologin;
    end if;
    begin grant ${role} to current_user; exception when insufficient_privilege then null; end;
  end $$`
  if (await works(db, make, take)) return []
  return [
    `The login in DATABASE_URL may not take the role ${callerRole}. Run as an administrator: CREATE ROLE ${callerRole} NOLOGIN; GRANT ${callerRole} TO <the login>;`,
  ]
}

/** Whether the login may run the statements, which are undone. */
async function works(db: Kysely<unknown>, ...statements: RawBuilder<unknown>[]): Promise<boolean> {
  await sql`savepoint tried`.execute(db)
  let isAllowed = true
  try {
    for (const statement of statements) await statement.execute(db)
  } catch (error) {
    // 22023: there is no such role.
    if (!['42501', '22023'].includes(sqlStateOf(error) ?? '')) throw error
    isAllowed = false
  }
  await sql`rollback to savepoint tried`.execute(db)
  // Within a savepoint, the migrations would not know their own transaction by its number.
  await sql`release savepoint tried`.execute(db)
  return isAllowed
}
