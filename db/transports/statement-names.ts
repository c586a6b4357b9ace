import { createHash } from 'node:crypto'

const names = new Map<string, string>()

/**
 * The name of a prepared statement: the same on every connection, and short enough for Postgres.
 * It is kept, as there are only so many statements.
 */
export function nameOf(sql: string): string {
  const known = names.get(sql)
  if (known !== undefined) return known
  const name = createHash('sha1').update(sql).digest('base64')
  names.set(sql, name)
  return name
}
