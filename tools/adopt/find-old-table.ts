import { CompiledQuery, type Kysely } from 'kysely'
import { quoteTableName } from '#db/table-name'
import { taskLikeTables } from '#db/task-like-tables'
import { shellWord } from '#tools/adopt/decisions'
import { findTable, listTables, type NamedTable, type TableFacts } from '#tools/adopt/table-facts'

/**
 * The table to adopt: the one that is named, or `tasks` if another backend made it, or the one that
 * looks as if it had tasks.
 *
 * @param asked the name as it is written in the database, without folding
 * @returns undefined if there is none
 * @throws Error that names the tables to choose from
 */
export async function findOldTable(
  db: Kysely<unknown>,
  asked: string | undefined,
): Promise<TableFacts | undefined> {
  if (asked !== undefined) return await findNamed(db, asked)
  const tasks = await findTable(db, { table: 'tasks' })
  if (tasks !== undefined && !tasks.isOurs) return tasks
  const { rows } = await db.executeQuery<NamedTable>(CompiledQuery.raw(taskLikeTables.sql))
  const [likely, ...more] = rows
  if (likely === undefined) return await findTable(db, { table: 'task' })
  if (more.length === 0) return await findTable(db, likely)
  const options = rows.map(({ label }) => `  --table ${shellWord(label)}`)
  throw new Error(['Several tables look like tasks. Name one:', ...options].join('\n'))
}

async function findNamed(db: Kysely<unknown>, asked: string): Promise<TableFacts> {
  const tables = await listTables(db)
  const named = tables.find(({ schema, table, label }) =>
    [table, label, `${schema}.${table}`, quoteTableName({ schema, table })].includes(asked),
  )
  const found = named && (await findTable(db, named))
  if (found === undefined) {
    const labels = tables.map(({ label }) => label).join(', ')
    throw new Error(
      `There is no table ${asked}. ${labels === '' ? 'There is none at all.' : `There are: ${labels}.`}`,
    )
  }
  if (found.isOurs) throw new Error(`${asked} is the service’s own table.`)
  return found
}
