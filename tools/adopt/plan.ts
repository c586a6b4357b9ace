import { type Kysely, sql } from 'kysely'
import { quoteTableName, type TableName } from '#db/table-name'
import { type ColumnMapping, mapColumns } from '#tools/adopt/column-mapping'
import type { Judgement } from '#tools/adopt/judged-rows'
import type { ProblemKind } from '#tools/adopt/problems'
import { type Survey, surveyRows } from '#tools/adopt/survey'
import { findTable, foreignKeys, type TableFacts, viewsOn } from '#tools/adopt/table-facts'
import { findUsers, type UsersFacts } from '#tools/adopt/users-facts'

/** What an operator asks for. */
export interface AdoptRequest {
  /** The old table. If undefined, `tasks`, or `task` if `tasks` is the service's own. */
  readonly table: TableName | undefined
  readonly usersTable: TableName
  /** The type of the ids, if the first migration makes the users table. */
  readonly usersIdType: 'text' | 'uuid'
  /** The time zone of timestamps without one. */
  readonly timeZone: string
  readonly repair: readonly ProblemKind[]
  readonly leave: readonly ProblemKind[]
  /** How many ids to list for each kind of problem. */
  readonly mostIds: number
}

/** What would be done, and what stands in the way. */
export interface Plan {
  readonly old: TableFacts
  /** The name that the old table is kept under. */
  readonly kept: TableName
  /** The table that says which task each old row became. */
  readonly ids: TableName
  readonly users: UsersFacts
  /** Foreign keys from the old table to the users table. */
  readonly userKeys: readonly string[]
  /** What refers to the old table or reads it. It will do so under the new name. */
  readonly dependants: readonly string[]
  /** What must be changed before an adoption. If there is anything, the rows are not examined. */
  readonly faults: readonly string[]
  readonly rows: { readonly judgement: Judgement; readonly survey: Survey } | undefined
}

/**
 * Looks at the old table and the users table, and counts what would become of the rows.
 *
 * @returns undefined if there is no table to adopt
 */
export async function makePlan(
  db: Kysely<unknown>,
  request: AdoptRequest,
): Promise<Plan | undefined> {
  const old = await findOldTable(db, request.table)
  if (old === undefined) return undefined
  const mapping = mapColumns(old.columns)
  const columns: ColumnMapping | undefined = 'faults' in mapping ? undefined : mapping
  const { usersTable, usersIdType, timeZone, repair, leave } = request
  const users = await findUsers(db, usersTable, usersIdType, old, columns?.owner.name)
  const keys = await foreignKeys(db, old)
  const faults = [
    ...faultsOf(old),
    ...('faults' in mapping ? mapping.faults : []),
    ...users.faults,
    ...((await isTimeZone(db, timeZone)) ? [] : [`Postgres knows no time zone ${timeZone}.`]),
    ...(repair.includes('owner_unknown') && users.refusal !== undefined
      ? [`--repair owner_unknown is not possible: ${users.refusal}.`]
      : []),
  ]
  const judgement: Judgement | undefined = columns && {
    old: { schema: old.schema, table: old.table },
    idsOf: old.table,
    mapping: columns,
    users: users.table,
    userIdType: users.idType,
    hasTasks: await hasTasks(db),
    timeZone,
    repair,
    leave,
  }
  return {
    old,
    ...(await freeNames(db, old)),
    users,
    userKeys: keys.out.filter(({ to }) => to === users.table?.label).map(({ name }) => name),
    dependants: [
      ...keys.in.map(({ from, name }) => `${from} (foreign key ${name})`),
      ...(await viewsOn(db, old)).map((view) => `${view} (view)`),
    ],
    faults,
    rows:
      judgement && faults.length === 0
        ? { judgement, survey: await surveyRows(db, judgement, request.mostIds) }
        : undefined,
  }
}

async function hasTasks(db: Kysely<unknown>): Promise<boolean> {
  return (await findTable(db, { table: 'tasks' }))?.isOurs ?? false
}

/** The table to adopt, as `AdoptRequest.table` says, undefined if there is none. */
export async function findOldTable(
  db: Kysely<unknown>,
  name: TableName | undefined,
): Promise<TableFacts | undefined> {
  for (const candidate of name ? [name] : [{ table: 'tasks' }, { table: 'task' }]) {
    const found = await findTable(db, candidate)
    if (found !== undefined && !found.isOurs) return found
  }
  return undefined
}

function faultsOf(old: TableFacts): string[] {
  const faults: string[] = []
  if (!old.isTable) faults.push(`${old.label} is no table but a view or the like.`)
  if (!old.isOwned) {
    faults.push('It belongs to another role than the login in DATABASE_URL: use its owner’s URL.')
  }
  if (!old.hasKey) faults.push('Its column id is no primary key, so its rows cannot be told apart.')
  return faults
}

async function isTimeZone(db: Kysely<unknown>, name: string): Promise<boolean> {
  const { rows } = await sql`
    select from pg_timezone_names where lower(name) = lower(${name})`.execute(db)
  return rows.length > 0
}

/** `tasks_before_adoption`, with a number if an earlier adoption has taken that name. */
async function freeNames(db: Kysely<unknown>, { schema, table }: TableFacts) {
  for (let number = 1; ; number += 1) {
    const suffix = number === 1 ? '' : `_${number}`
    const kept = { schema, table: `${table.slice(0, 30)}_before_adoption${suffix}` }
    const ids = { schema, table: `${kept.table}_ids` }
    const { rows } = await sql<{
      isFree: boolean
    }>`select to_regclass(${quoteTableName(kept)}) is null
      and to_regclass(${quoteTableName(ids)}) is null as "isFree"`.execute(db)
    if (rows[0]?.isFree !== false) return { kept, ids }
  }
}
