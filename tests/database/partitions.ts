import { readFileSync } from 'node:fs'

/** The SQL that makes `tasks` a table of partitions, as an operator runs it. */
export function partitioningSql(): string {
  return readFileSync('deploy/partitions.sql', 'utf8')
}
