import type { Column } from '#tools/adopt/table-facts'

/** The columns of the old table that fill the columns of `tasks`. */
export interface ColumnMapping {
  readonly id: Column
  readonly owner: Column
  readonly title: Column
  readonly description: Column | undefined
  /** Two columns if the table has one under each name. */
  readonly completed: readonly Column[]
  readonly createdAt: Column | undefined
  readonly updatedAt: Column | undefined
  /** Columns that `tasks` does not have. */
  readonly others: readonly Column[]
}

/** The names that earlier backends give a column, the most usual first. */
const names = {
  id: ['id'],
  owner: ['user_id', 'owner_id'],
  title: ['title'],
  description: ['description'],
  completed: ['completed', 'is_completed'],
  createdAt: ['created_at'],
  updatedAt: ['updated_at'],
}

const isKey = ({ type, category }: Column) => category === 'S' || type === 'uuid' || isWhole(type)
const isWhole = (type: string) => /^(small|big)?int(eger)?$/.test(type)
const isText = ({ category }: Column) => category === 'S' || category === 'E'
const isFlag = ({ type }: Column) => type === 'boolean' || isWhole(type)
const isInstant = ({ type }: Column) => /^(timestamp|date\b)/.test(type)

/** Finds the columns by name and checks their types. @returns what is wrong, if anything is */
export function mapColumns(columns: readonly Column[]): ColumnMapping | { faults: string[] } {
  const faults: string[] = []
  const find = (what: keyof typeof names, fits: (column: Column) => boolean, types: string) => {
    const found = names[what].flatMap((name) => columns.find((each) => each.name === name) ?? [])
    for (const { name, type } of found.filter((column) => !fits(column))) {
      faults.push(`The column ${name} is ${type}, and only ${types} can be read.`)
    }
    return found
  }
  const need = (what: keyof typeof names, found: readonly Column[]) => {
    if (found[0] === undefined) faults.push(`It has no column ${names[what].join(' or ')}.`)
    return found[0]
  }
  const id = need('id', find('id', isKey, 'whole numbers, text and uuid'))
  const owners = find('owner', isKey, 'whole numbers, text and uuid')
  const owner = need('owner', owners)
  const title = need('title', find('title', isText, 'text'))
  const [description] = find('description', isText, 'text')
  const completed = find('completed', isFlag, 'boolean and whole numbers')
  need('completed', completed)
  const [createdAt] = find('createdAt', isInstant, 'timestamps and dates')
  const [updatedAt] = find('updatedAt', isInstant, 'timestamps and dates')
  if (!id || !owner || !title || faults.length > 0) return { faults }
  const used = [id, owner, title, description, ...completed, createdAt, updatedAt]
  const others = columns.filter((column) => !used.includes(column))
  return { id, owner, title, description, completed, createdAt, updatedAt, others }
}
