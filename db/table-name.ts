/** The name of a table from a setting, with its parts as Postgres stores them. */
export interface TableName {
  readonly schema?: string
  readonly table: string
}

const part = `(?:"((?:[^"]|"")+)"|([A-Za-z_][A-Za-z0-9_$]*))`
const pattern = new RegExp(`^(?:${part}\\.)?${part}$`)

/**
 * Reads `users`, `"user"` or `auth."user"` by the rules of SQL: a part without quotes is folded to
 * lower case, a quoted one is kept.
 *
 * @returns undefined if the text is no table name
 */
export function readTableName(text: string): TableName | undefined {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const [, quotedSchema, bareSchema, quotedTable, bareTable] = match
  const table = quotedTable?.replaceAll('""', '"') ?? bareTable?.toLowerCase() ?? ''
  const schema = quotedSchema?.replaceAll('""', '"') ?? bareSchema?.toLowerCase()
  return schema === undefined ? { table } : { schema, table }
}

/** The name as SQL, quoted, also for a cast to `regclass`. */
export function quoteTableName({ schema, table }: TableName): string {
  const quote = (name: string) => `"${name.replaceAll('"', '""')}"`
  return schema === undefined ? quote(table) : `${quote(schema)}.${quote(table)}`
}
