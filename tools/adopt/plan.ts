import { type Kysely, sql } from 'kysely'
import type { TableName } from '#db/table-name'
import type { AskedColumn } from '#tools/adopt/asked-columns'
import { mapColumns } from '#tools/adopt/column-mapping'
import type { Target } from '#tools/adopt/column-names'
import {
  type CountedValue,
  columnOptions,
  type Decision,
  type Option,
  valuesOf,
} from '#tools/adopt/decisions'
import type { Judgement } from '#tools/adopt/judged-rows'
import { freeNames } from '#tools/adopt/keep-table'
import { findOwnTables, type OwnTables } from '#tools/adopt/own-tables'
import { faultsOf, missingColumns, writtenBy } from '#tools/adopt/plan-faults'
import type { ProblemKind } from '#tools/adopt/problems'
import { rightFaults } from '#tools/adopt/rights'
import { type Survey, surveyRows } from '#tools/adopt/survey'
import { foreignKeys, functionsNaming, type TableFacts, viewsOn } from '#tools/adopt/table-facts'
import { findUsers, type UsersFacts } from '#tools/adopt/users-facts'

/** What an operator asks for. */
export interface AdoptRequest {
  /** The old table as it is written in the database; see `findOldTable`. */
  readonly table: string | undefined
  readonly columns: readonly AskedColumn[]
  readonly usersTable: TableName
  /** The type of the ids, if the first migration makes the users table. */
  readonly usersIdType: 'text' | 'uuid'
  /** The time zone of timestamps without one. */
  readonly timeZone: string
  readonly repair: readonly ProblemKind[]
  readonly leave: readonly ProblemKind[]
}

/** What would become of the rows. */
export interface RowsOfPlan {
  readonly judgement: Judgement
  readonly survey: Survey
  /** The values of columns whose values say yes or no, by the column's name. */
  readonly values: ReadonlyMap<string, readonly CountedValue[]>
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
  /** Functions whose text has the old table's name, which will not mean it any more. */
  readonly functions: readonly string[]
  /** What an earlier start made and nobody has used, if it has to be made anew. */
  readonly renewed: OwnTables | undefined
  /** What must be changed before an adoption. */
  readonly faults: readonly string[]
  /** What must be decided before the rows can be examined. */
  readonly decisions: readonly Decision[]
  /** What could fill a column of `tasks` that nothing fills. */
  readonly options: ReadonlyMap<Target, readonly Option[]>
  /** Undefined while there are faults or decisions. */
  readonly rows: RowsOfPlan | undefined
}

/** Looks at the old table and the users table, and counts what would become of the rows. */
export async function makePlan(
  db: Kysely<unknown>,
  old: TableFacts,
  request: AdoptRequest,
): Promise<Plan> {
  const mapped = mapColumns(old, request.columns)
  const keys = await foreignKeys(db, old)
  const foreign = keys.out.flatMap(({ columns }) => columns)
  const options = new Map<Target, Option[]>()
  for (const [target, several] of mapped.open) {
    options.set(target, await columnOptions(db, old, target, several, foreign))
  }
  const { usersTable, usersIdType, timeZone, repair, leave } = request
  const users = await findUsers(db, usersTable, usersIdType, old, mapped.mapping?.owner.name)
  const own = await findOwnTables(db)
  const isBound = own === undefined || own.users === users.table?.label
  const renewed = own?.isEmpty && !isBound ? own : undefined
  const decisions = [
    ...missingColumns(mapped, options, old),
    ...(users.decision ? [users.decision] : []),
  ]
  const faults = [
    ...faultsOf(old),
    ...mapped.faults,
    ...users.faults,
    ...(users.decision || isBound || renewed ? [] : [writtenBy(own, users, usersTable)]),
    ...(renewed?.dependants ?? []).map(
      (each) =>
        `${each} uses the service’s empty tasks, which are made anew: drop it, and make it again afterwards.`,
    ),
    ...(await rightFaults(db, old, users.table, usersTable)),
    ...((await isTimeZone(db, timeZone)) ? [] : [`Postgres knows no time zone ${timeZone}.`]),
    ...(repair.includes('owner_unknown') && users.refusal !== undefined
      ? [`--repair owner_unknown is not possible: ${users.refusal}.`]
      : []),
  ]
  const judgement: Judgement | undefined = mapped.mapping && {
    old: { schema: old.schema, table: old.table },
    idsOf: old.table,
    mapping: mapped.mapping,
    users: users.table,
    userKey: users.key,
    userIdType: users.idType,
    hasTasks: own !== undefined && renewed === undefined,
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
    functions: await functionsNaming(db, old),
    renewed,
    faults,
    decisions,
    options,
    rows:
      judgement && faults.length === 0 && decisions.length === 0
        ? {
            judgement,
            survey: await surveyRows(db, judgement),
            values: await flagValues(db, old, judgement),
          }
        : undefined,
  }
}

async function flagValues(db: Kysely<unknown>, old: TableFacts, { mapping }: Judgement) {
  const found = new Map<string, readonly CountedValue[]>()
  for (const { column, values } of [...mapping.completed, ...mapping.deleted]) {
    if (values !== undefined) found.set(column.name, (await valuesOf(db, old, column)) ?? [])
  }
  return found
}

async function isTimeZone(db: Kysely<unknown>, name: string): Promise<boolean> {
  const { rows } = await sql`
    select from pg_timezone_names where lower(name) = lower(${name})`.execute(db)
  return rows.length > 0
}
