/** What only the operator can say, and the ways to say it. */
import { type Kysely, sql } from 'kysely'
import { quoteTableName } from '#db/table-name'
import { isInstant, isNumber, isText, recognitions, type Target } from '#tools/adopt/column-names'
import type { Column, TableFacts } from '#tools/adopt/table-facts'

/** A question, with answers that can be pasted behind the command, the likeliest first. */
export interface Decision {
  readonly means: string
  readonly options: readonly Option[]
}

export interface Option {
  /** Such as `--column title=name`, or `USERS_TABLE=…` to set in the environment. */
  readonly text: string
  readonly does?: string | undefined
  /** Whether it is one of several, and nothing speaks for it. */
  readonly isGuess?: boolean
}

/** A value of a column, and how many rows have it. */
export interface CountedValue {
  readonly value: string
  readonly rows: number
}

/** The values of a column with fewer than this are listed. */
const mostValues = 12

/** Each value of a column and how often it occurs, or undefined if there are too many to list. */
export async function valuesOf(
  db: Kysely<unknown>,
  old: TableFacts,
  { name }: Column,
): Promise<CountedValue[] | undefined> {
  const { rows } = await sql<{ value: string; rows: string }>`
    select value, count(*) as "rows" from (
      select ${sql.id(name)}::text as value from ${sql.raw(quoteTableName(old))}) as old
    where value is not null group by value order by value
    limit ${sql.lit(mostValues + 1)}`.execute(db)
  if (rows.length > mostValues) return undefined
  return rows.map((row) => ({ value: row.value, rows: Number(row.rows) }))
}

/** Which columns could fill one of `tasks` that nothing fills, as options of the command. */
export async function columnOptions(
  db: Kysely<unknown>,
  old: TableFacts,
  target: Target,
  several: readonly Column[],
  foreignKeys: readonly string[],
): Promise<Option[]> {
  const candidates = several.length > 0 ? several : likelyColumns(old, target, foreignKeys)
  if (target !== 'completed') {
    return candidates.map((column) => {
      const how = isNumber(column) && target.endsWith('_at') ? ':epoch' : ''
      const text = `--column ${shellWord(`${target}=${column.name}${how}`)}`
      return { text, isGuess: candidates.length > 1 }
    })
  }
  const options: Option[] = []
  for (const column of candidates) options.push(...(await flagOptions(db, old, column)))
  return options.map((option) => ({ ...option, isGuess: options.length > 1 }))
}

const doneWord =
  /^(x|y|t|yes|true|done|complete|completed|finished|closed|checked|resolved|achieved)$/i

async function flagOptions(
  db: Kysely<unknown>,
  old: TableFacts,
  column: Column,
): Promise<Option[]> {
  if (column.type === 'boolean' || isInstant(column)) {
    return [{ text: `--column ${shellWord(`completed=${column.name}`)}` }]
  }
  const values = await valuesOf(db, old, column)
  if (values === undefined) return []
  const known = values.filter(({ value }) => doneWord.test(value))
  const isSwitch = values.every(({ value }) => value === '0' || value === '1')
  const likely = known.length > 0 ? known : isSwitch ? [{ value: '1' }] : values
  const counted = values.map(({ value, rows }) => `${value} (${rows})`).join(', ')
  const text = (value: string) => `--column ${shellWord(`completed=${column.name}:${value}`)}`
  const does = `of its values ${counted}`
  if (known.length > 0 || isSwitch) {
    return [{ text: text(likely.map(({ value }) => value).join('|')), does }]
  }
  return likely.map(({ value }) => ({ text: text(value), does }))
}

function likelyColumns(old: TableFacts, target: Target, foreignKeys: readonly string[]): Column[] {
  const { fits } = recognitions[target]
  const isForeign = ({ name }: Column) => foreignKeys.includes(name)
  const named = (pattern: RegExp) => (column: Column) => pattern.test(column.name)
  const isOther = ({ name }: Column) => !old.keys.includes(name)
  switch (target) {
    case 'id':
      return old.columns.filter((column) => !isOther(column) && fits(column))
    case 'user_id': {
      const people = named(/user|owner|author|creat|account|member|person|profile|assign|by$/i)
      const keys = old.columns.filter((column) => isOther(column) && fits(column))
      const foreign = keys.filter((column) => isForeign(column) && people(column))
      return foreign.length > 0 ? foreign : keys.filter(people)
    }
    case 'title':
      return old.columns.filter(
        (column) =>
          isText(column) && column.category === 'S' && isOther(column) && !isForeign(column),
      )
    case 'completed': {
      const says = named(/stat|done|compl|finish|check|progress|clos|resol|open|activ/i)
      return old.columns.filter((column) => column.type !== 'json' && says(column))
    }
    case 'created_at': {
      const other = named(/due|dead|remind|compl|done|finish|updat|modif|chang|delet|end|sched/i)
      const says = named(/creat|insert|add|date|time|^ts$|start|at$|on$/i)
      return old.columns.filter(
        (column) => (isInstant(column) || isNumber(column)) && says(column) && !other(column),
      )
    }
    default:
      return []
  }
}

/** A word as a shell reads it. */
export function shellWord(word: string): string {
  return /^[\w.=:,@%+/-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
