/** What stands in the way of a plan. */
import { quoteTableName, type TableName } from '#db/table-name'
import type { Mapped } from '#tools/adopt/column-mapping'
import type { Target } from '#tools/adopt/column-names'
import type { Decision, Option } from '#tools/adopt/decisions'
import type { OwnTables } from '#tools/adopt/own-tables'
import type { TableFacts } from '#tools/adopt/table-facts'
import type { UsersFacts } from '#tools/adopt/users-facts'

/** Columns that a task cannot be without, and no row can be asked for. */
export function missingColumns(
  { open }: Mapped,
  options: ReadonlyMap<Target, Option[]>,
  { label }: TableFacts,
): Decision[] {
  return (['id', 'user_id', 'title'] as const).flatMap((target) => {
    const several = open.get(target)
    if (several === undefined) return []
    const means =
      several.length > 0
        ? `Several of its columns could be ${target}: ${several.map(({ name }) => name).join(', ')}.`
        : `It has no column that is known to be ${target}.${options.get(target)?.length ? '' : ` Add one to ${label}, and fill it.`}`
    return [{ means, options: options.get(target) ?? [] }]
  })
}

/** The service has tasks already, of the users of another table. */
export function writtenBy(own: OwnTables | undefined, users: UsersFacts, asked: TableName): string {
  const label = users.table?.label ?? quoteTableName(asked)
  if (!own?.tasks.isOwned) {
    return 'The service’s tasks belong to another role than the login in DATABASE_URL: use its owner’s URL.'
  }
  return `The service has tasks already, of users in ${own.users}, and USERS_TABLE is ${label}. If they may go, run DELETE FROM tasks; and then this again. If they may not, set USERS_TABLE to ${own.users}, and add to it the users of ${label}.`
}

/** What is wrong with the old table as a whole. */
export function faultsOf(old: TableFacts): string[] {
  const faults: string[] = []
  if (!old.isTable) faults.push(`${old.label} is no table but a view or the like.`)
  if (!old.isOwned) {
    faults.push('It belongs to another role than the login in DATABASE_URL: use its owner’s URL.')
  }
  if (old.keys.length === 0) {
    faults.push('None of its columns alone is a primary key, so its rows cannot be told apart.')
  }
  return faults
}
