import type { Kysely } from 'kysely'
import { quoteTableName, type TableName } from '#db/table-name'
import { type Decision, shellWord } from '#tools/adopt/decisions'
import { findTable, foreignKeys, type TableFacts } from '#tools/adopt/table-facts'

/** The users table of `USERS_TABLE`, as far as the adoption needs it. */
export interface UsersFacts {
  /** Undefined if the first migration makes it. */
  readonly table: TableFacts | undefined
  readonly idType: string
  /** The column that the old table's owners are found by: `id`, or what its foreign key refers to. */
  readonly key: string
  /** The tables that refer to it, besides the old one and the service's own: Better Auth's. */
  readonly referrers: readonly string[]
  /** Columns that `todo_owner()` writes and the table lacks. */
  readonly missing: readonly string[]
  /** Why a row with only an id cannot be added, undefined if it can. */
  readonly refusal: string | undefined
  readonly faults: readonly string[]
  /** What `USERS_TABLE` must be, if the old table refers to another one. */
  readonly decision: Decision | undefined
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
  const decision =
    owners === undefined || owners.to === table?.label
      ? undefined
      : {
          means: `Its column ${ownerColumn} refers to ${owners.to}, and USERS_TABLE is ${label}. Set it, for the service as well:`,
          options: [{ text: `USERS_TABLE=${shellWord(owners.to)}` }],
        }
  if (table === undefined) {
    return {
      table,
      idType,
      key: 'id',
      referrers: [],
      missing: [],
      refusal: undefined,
      faults,
      decision,
    }
  }
  const id = table.columns.find((column) => column.name === 'id')
  if (!table.isTable) faults.push(`${label} is no table but a view or the like.`)
  else if (!table.keys.includes('id') && decision === undefined) {
    faults.push(`${label} has no primary key "id", which the service needs of the users table.`)
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
  const key = (decision === undefined && owners?.toColumns[0]) || 'id'
  const required = table.columns.filter((column) => column.isRequired && column.name !== 'id')
  const refusal =
    referrers.length > 0
      ? `${referrers.join(', ')} refers to ${label}, so who is missing there is a deleted account`
      : key !== 'id'
        ? `it is named by ${key}, and a new user needs an id`
        : required.length > 0
          ? `${label} does not take a row without ${required.map((column) => column.name).join(', ')}`
          : undefined
  return { table, idType: id?.type ?? idType, key, referrers, missing, refusal, faults, decision }
}
