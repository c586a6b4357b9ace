import { type Kysely, sql } from 'kysely'
import { quoteTableName } from '#db/table-name'
import { cut, type Judgement, judgedRows, usable } from '#tools/adopt/judged-rows'
import { type ProblemKind, problemKinds } from '#tools/adopt/problems'

/** Counts of the rows of the old table. */
export interface Survey {
  readonly rows: number
  readonly owners: number
  readonly copied: number
  readonly left: number
  /** Rows that cannot become tasks, and that no option repairs or leaves. */
  readonly stuck: number
  /** Titles that lose the white space around them, which the API removes too. */
  readonly trimmed: number
  readonly computedIds: number
  /** Rows with a time that is finer than a millisecond. */
  readonly finer: number
  /** The days of the first and the last time of creation, null if there is none. */
  readonly days: { readonly first: string | null; readonly last: string | null }
  readonly problems: readonly Problem[]
  /** How many rows have a value in each column that `tasks` does not have. */
  readonly filled: Readonly<Record<string, number>>
}

/** The rows that cannot become tasks for one reason. */
export interface Problem {
  readonly kind: ProblemKind
  readonly rows: number
  /** The first of their ids in the old table. */
  readonly ids: readonly string[]
}

/** How many ids are listed for each kind of problem. */
const mostIds = 20

/** Counts what would become of each row. It reads the old table, the users table and `tasks`. */
export async function surveyRows(db: Kysely<unknown>, by: Judgement): Promise<Survey> {
  const isFiner = (name: 'created_at' | 'updated_at') =>
    sql`${usable(name)} <> ${cut(usable(name))}`
  const day = (which: 'min' | 'max') =>
    sql`to_char(${sql.raw(which)}(${usable('created_at')}) at time zone 'UTC', 'YYYY-MM-DD')`
  const counted = await sql<Record<string, string | null>>`with ${judgedRows(by)}
    select count(*) as "rows", count(distinct owner_key) as "owners",
      count(*) filter (where fate = 'copied') as "copied",
      count(*) filter (where fate = 'left') as "left",
      count(*) filter (where fate = 'stuck') as "stuck",
      count(*) filter (where problems = '{}') as "clean",
      count(*) filter (where title <> whole_title) as "trimmed",
      count(*) filter (where replace(id::text, '-', '') <> lower(replace(id_text, '-', '')))
        as "computedIds",
      count(*) filter (where ${isFiner('created_at')} or ${isFiner('updated_at')}) as "finer",
      ${day('min')} as "first", ${day('max')} as "last"
    from judged`.execute(db)
  const found = counted.rows[0] ?? {}
  const count = (name: string) => Number(found[name])
  return {
    rows: count('rows'),
    owners: count('owners'),
    copied: count('copied'),
    left: count('left'),
    stuck: count('stuck'),
    trimmed: count('trimmed'),
    computedIds: count('computedIds'),
    finer: count('finer'),
    days: { first: found['first'] ?? null, last: found['last'] ?? null },
    problems: count('clean') === count('rows') ? [] : await listProblems(db, by),
    filled: await filled(db, by),
  }
}

async function listProblems(db: Kysely<unknown>, by: Judgement): Promise<Problem[]> {
  const found = await sql<{ kind: string; rows: string; ids: string[] }>`with ${judgedRows(by)}
    select kind, count(*) as "rows",
      to_json((array_agg(id_text order by old_id))[1:${sql.lit(mostIds)}]) as "ids"
    from judged, unnest(problems) as kind group by kind`.execute(db)
  return problemKinds.flatMap((kind) =>
    found.rows
      .filter((each) => each.kind === kind)
      .map(({ rows, ids }) => ({ kind, rows: Number(rows), ids })),
  )
}

async function filled(db: Kysely<unknown>, { old, mapping }: Judgement) {
  if (mapping.others.length === 0) return {}
  const counts = mapping.others.map(({ name }) => sql`count(${sql.id(name)}) as ${sql.id(name)}`)
  const { rows } = await sql<Record<string, string>>`
    select ${sql.join(counts)} from ${sql.raw(quoteTableName(old))}`.execute(db)
  return Object.fromEntries(
    Object.entries(rows[0] ?? {}).map(([name, count]) => [name, Number(count)]),
  )
}
