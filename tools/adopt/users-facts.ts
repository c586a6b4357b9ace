import type { Kysely } from 'kysely'
import { quoteTableName, type TableName } from '#db/table-name'
import { findTable, foreignKeys, type TableFacts } from '#tools/adopt/table-facts'

/** The users table of `USERS_TABLE`, as far as the adoption needs it. */
export interface UsersFacts {
  /** Undefined if the first migration makes it. */
  readonly table: TableFacts | undefined
  readonly idType: string
  /** The tables that refer to it, besides the old one and the service's own: Better Auth's. */
  readonly referrers: readonly string[]
  /** Columns that `todo_owner()` writes and the table lacks. */
  readonly missing: readonly string[]
  /** Why a row with only an id cannot be added, undefined if it can. */
  readonly refusal: string | undefined
  readonly faults: readonly string[]
}

/** Looks at the users table, and whether the old table's owners are in it. */
export async function findUsers(
  db: Kysely<unknown>,
  name: TableName,
  idType: string,
  old: TableFacts,
  ownerColumn: string | undefined,
): Promise<UsersFacts> {
  const table = await findTable(db, name)
  const { out } = await foreignKeys(db, old)
  const owners = out.find(({ columns }) => columns.join() === ownerColumn)
  const label = table?.label ?? quoteTableName(name)
  const faults: string[] = []
  if (owners !== undefined && owners.to !== table?.label) {
    faults.push(
      `Its column ${ownerColumn} refers to ${owners.to}, and USERS_TABLE is ${label}: set USERS_TABLE to ${owners.to}.`,
    )
  }
  if (table === undefined) {
    return { table, idType, referrers: [], missing: [], refusal: undefined, faults }
  }
  const id = table.columns.find((column) => column.name === 'id')
  if (id === undefined || !table.hasKey) {
    faults.push(`${label} has no primary key "id": set USERS_TABLE to the users table.`)
  }
  if (table.isHidden) {
    faults.push(`Row-level security hides rows of ${label} from the login in DATABASE_URL.`)
  }
  const keys = await foreignKeys(db, table)
  const foreign = keys.in.filter(({ from, isOfService }) => from !== old.label && !isOfService)
  const referrers = [...new Set(foreign.map(({ from }) => from))]
  const has = (wanted: string) => table.columns.some((column) => column.name === wanted)
  const missing = referrers.length > 0 ? [] : ['email', 'name'].filter((each) => !has(each))
  if (missing.length > 0 && !table.isOwned) {
    faults.push(`${label} has no column ${missing.join(' or ')}, and the login may not add it.`)
  }
  const required = table.columns.filter((column) => column.isRequired && column.name !== 'id')
  const refusal =
    referrers.length > 0
      ? `${referrers.join(', ')} refers to ${label}, so who is missing there is a deleted account`
      : required.length > 0
        ? `${label} does not take a row without ${required.map((column) => column.name).join(', ')}`
        : undefined
  return { table, idType: id?.type ?? idType, referrers, missing, refusal, faults }
}
