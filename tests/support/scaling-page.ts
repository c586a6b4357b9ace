import { readFileSync } from 'node:fs'

const page = readFileSync('docs/scaling.md', 'utf8')

/** The SQL of `docs/scaling.md` that makes `tasks` a table of partitions. */
export function partitioningSql(): string {
  const blocks = Array.from(page.matchAll(/^```sql\n(.*?)^```$/gms), ([, sql = '']) => sql)
  const [found, ...more] = blocks.filter((sql) => sql.includes('partition by hash'))
  if (found === undefined || more.length > 0) throw new Error('The page has no such SQL, or two.')
  return found
}
