import type { AskedColumn } from '#tools/adopt/asked-columns'
import {
  isNumber,
  plainName,
  type Recognition,
  recognitions,
  type Target,
  targets,
} from '#tools/adopt/column-names'
import type { Column, TableFacts } from '#tools/adopt/table-facts'

/** A column of the old table, and how its values are read. */
export interface Source {
  readonly column: Column
  /** The values that mean yes; undefined where the type says it. */
  readonly values?: readonly string[] | undefined
  /** Whether its numbers count from 1970. */
  readonly isEpoch?: boolean | undefined
}

/** The columns of the old table that fill the columns of `tasks`. */
export interface ColumnMapping {
  readonly id: Column
  readonly owner: Column
  readonly title: Column
  readonly description: Column | undefined
  /** Two if the table has `completed` and `is_completed`; none if no column is known to say it. */
  readonly completed: readonly Source[]
  readonly createdAt: Source | undefined
  readonly updatedAt: Source | undefined
  /** The columns that mark rows as deleted. */
  readonly deleted: readonly Source[]
  /** Columns that `tasks` does not have. */
  readonly others: readonly Column[]
}

/** What was found out about the columns. */
export interface Mapped {
  /** Undefined if there is no id, owner or title, or a fault. */
  readonly mapping: ColumnMapping | undefined
  /** What is wrong with the columns that were asked for, and what no column can stand in for. */
  readonly faults: readonly string[]
  /** Columns of `tasks` that nothing fills, each with several that could, or none. */
  readonly open: ReadonlyMap<Target, readonly Column[]>
}

/** Finds the columns as asked, and else by their names and types. */
export function mapColumns(
  { columns, keys }: Pick<TableFacts, 'columns' | 'keys'>,
  asked: readonly AskedColumn[] = [],
): Mapped {
  const faults: string[] = []
  const open = new Map<Target, readonly Column[]>()
  const taken = new Set<Column>()
  const found = new Map<Target, readonly Source[]>()
  for (const each of asked) {
    const column = columns.find(({ name }) => name === each.column)
    const fault = faultIn(each, column, columns)
    if (fault !== undefined) faults.push(fault)
    if (column === undefined) continue
    taken.add(column)
    const { target, values, isEpoch } = each
    found.set(target, [...(found.get(target) ?? []), { column, values, isEpoch }])
  }
  for (const target of targets) {
    if (found.has(target)) continue
    const free = columns.filter((column) => !taken.has(column))
    const { one, several } = recognise(target, free, keys)
    for (const column of one) taken.add(column)
    found.set(
      target,
      one.map((column) => ({ column })),
    )
    if (one.length === 0) open.set(target, several)
  }
  const first = (target: Target) => found.get(target)?.[0]
  const [id, owner, title] = [first('id'), first('user_id'), first('title')]
  if (id !== undefined && !keys.includes(id.column.name)) {
    faults.push(`Its column ${id.column.name} is no key, so its rows cannot be told apart.`)
  }
  const mapping: ColumnMapping | undefined = id &&
    owner &&
    title && {
      id: id.column,
      owner: owner.column,
      title: title.column,
      description: first('description')?.column,
      completed: found.get('completed') ?? [],
      createdAt: first('created_at'),
      updatedAt: first('updated_at'),
      deleted: found.get('deleted') ?? [],
      others: columns.filter((column) => !taken.has(column)),
    }
  return { mapping: faults.length > 0 ? undefined : mapping, faults, open }
}

/** The columns that fill one of `tasks`: where several could, none is chosen. */
function recognise(target: Target, columns: readonly Column[], keys: readonly string[]) {
  const { names, fits, takesAll, rivals }: Recognition = recognitions[target]
  for (const list of names) {
    const found = columns.filter((column) => list.includes(plainName(column.name)) && fits(column))
    if (found.length === 0) continue
    const others = columns.filter(({ name }) => rivals?.includes(plainName(name)))
    if (list === names.at(-1) && others.length > 0) {
      return { one: [], several: [...found, ...others] }
    }
    const isClear = found.length === 1 || (takesAll && list === names[0])
    return isClear ? { one: found, several: [] } : { one: [], several: found }
  }
  // A primary key of one column is the id, whatever its name is.
  const key = target === 'id' ? columns.find(({ name }) => name === keys[0]) : undefined
  return key !== undefined && fits(key) ? { one: [key], several: [] } : { one: [], several: [] }
}

function faultIn(
  { target, column: name, values, isEpoch }: AskedColumn,
  column: Column | undefined,
  columns: readonly Column[],
): string | undefined {
  if (column === undefined) {
    return `It has no column ${name}. Its columns are ${columns.map((each) => each.name).join(', ')}.`
  }
  const { fits, types } = recognitions[target]
  if (isEpoch ? isNumber(column) : values !== undefined || fits(column)) return undefined
  const can = isEpoch ? 'numbers' : types
  return `The column ${name} is ${column.type}, and only ${can} can be read as ${target}.`
}
