import { type Kysely, sql } from 'kysely'
import { madeFunctions, madeTables } from '#db/schema'
import { quoteTableName } from '#db/table-name'
import { findTable, foreignKeys, type TableFacts, viewsOn } from '#tools/adopt/table-facts'

/** What an earlier start of the service has made. */
export interface OwnTables {
  readonly tasks: TableFacts
  /** The users table that its tasks refer to, as one writes it in SQL. */
  readonly users: string | undefined
  readonly isEmpty: boolean
  /** What refers to them or reads them, and so keeps them from being made anew. */
  readonly dependants: readonly string[]
}

/** The service's `tasks`, undefined if there is none. */
export async function findOwnTables(db: Kysely<unknown>): Promise<OwnTables | undefined> {
  const tasks = await findTable(db, { table: 'tasks' })
  if (!tasks?.isOurs) return undefined
  const keys = await foreignKeys(db, tasks)
  const users = keys.out.find(({ columns }) => columns.join() === 'user_id')?.to
  const dependants = [...keys.in.map(({ from }) => from), ...(await viewsOn(db, tasks))]
  if (!tasks.isOwned) return { tasks, users, isEmpty: false, dependants }
  const { rows } = await sql`select from ${sql.raw(quoteTableName(tasks))} limit 1`.execute(db)
  return { tasks, users, isEmpty: rows.length === 0, dependants }
}

/**
 * Drops what the migrations made, so that they run again and refer to another users table.
 *
 * @returns lets the logins serve again that could before; to be called after the migrations
 */
export async function dropOwnTables(
  db: Kysely<unknown>,
  { tasks }: OwnTables,
): Promise<() => Promise<void>> {
  const { rows: granted } = await sql<{ called: string; login: string }>`
    select distinct proname as "called", grantee::regrole::text as "login" from pg_proc, aclexplode(proacl)
    where pronamespace = ${tasks.schema}::regnamespace
      and proname in ('todo_service', 'todo_move_tasks') and grantee not in (0, proowner)`.execute(
    db,
  )
  for (const table of madeTables) {
    await sql`drop table ${sql.id(tasks.schema, table)}`.execute(db)
  }
  const { rows: functions } = await sql<{ called: string }>`
    select oid::regprocedure::text as "called" from pg_proc
    where pronamespace = ${tasks.schema}::regnamespace
      and proname in (${sql.join(madeFunctions)})`.execute(db)
  for (const { called } of functions) await sql`drop function ${sql.raw(called)}`.execute(db)
  return async () => {
    for (const { called, login } of granted) {
      await sql`grant execute on function ${sql.id(tasks.schema, called)} to ${sql.raw(login)}`.execute(
        db,
      )
    }
  }
}
