import { type RawBuilder, sql } from 'kysely'
import { quoteTableName, type TableName } from '#db/table-name'
import type { ColumnMapping } from '#tools/adopt/column-mapping'
import type { ProblemKind } from '#tools/adopt/problems'
import { columnOf, flagOf, instantOf } from '#tools/adopt/row-values'

/** The tables, columns and options by which rows are judged. */
export interface Judgement {
  readonly old: TableName
  /** The first name of the old table, which new ids are computed from even after it was renamed. */
  readonly idsOf: string
  readonly mapping: ColumnMapping
  /** Undefined if the users table does not exist yet. */
  readonly users: TableName | undefined
  /** The column of the users table that the owners are found by. */
  readonly userKey: string
  readonly userIdType: string
  /** Whether `tasks` exists already, and may have a task with the same id. */
  readonly hasTasks: boolean
  /** The time zone of timestamps without one. */
  readonly timeZone: string
  readonly repair: readonly ProblemKind[]
  readonly leave: readonly ProblemKind[]
}

/** What JavaScript's `trim` removes, because the API trims titles with it. */
const whiteSpace =
  '\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff'
const uuid = sql.lit('^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$')
/** The namespace of computed ids (RFC 9562, 6.5). Another one would change every computed id. */
const namespace = '5f0c2b1e64d94c0a9a5d3c1f7e86b210'

/**
 * The common table expression `judged`: each row of the old table as the task that it becomes,
 * with its `problems` and its `fate`: `copied`, `left` in the old table, or `stuck`.
 *
 * `offset 0` keeps Postgres from merging the steps, and so from computing an id or a title anew
 * wherever it is named: without it, 300,000 rows take more than twice as long.
 */
export function judgedRows(by: Judgement): RawBuilder<unknown> {
  const { mapping } = by
  const users = by.users && sql.raw(quoteTableName(by.users))
  const person = users
    ? sql`left join ${users} as person on person.${sql.id(by.userKey)}::text = owner_key`
    : sql``
  const isDeleted = sql.join([sql`false`, ...mapping.deleted.map(flagOf)], sql` or `)
  return sql`source as (
      select ${columnOf(mapping.id)} as old_id, ${columnOf(mapping.id)}::text as id_text, ${ownerKey(by)} as owner_key,
        ${columnOf(mapping.title)}::text as whole_title,
        btrim(${columnOf(mapping.title)}::text, ${whiteSpace}::text) as title,
        ${mapping.description ? columnOf(mapping.description) : sql`null`}::text as description,
        ${flagOf(mapping.completed[0])} as completed, ${flagOf(mapping.completed.at(-1))} as other_completed,
        ${isDeleted} as is_deleted,
        ${instantOf(mapping.createdAt, by.timeZone)} as created_at,
        ${instantOf(mapping.updatedAt, by.timeZone)} as updated_at
      from ${sql.raw(quoteTableName(by.old))} as old
    ), owned as (
      select source.*, ${users ? sql`person.id` : sql`null::text`} as user_id, ${newId(by)} as id
      from source ${person} offset 0
    ), examined as (
      select owned.*, array_remove(array[
        case when is_deleted then 'deleted' end,
        case when owner_key is null or owner_key = '' then 'owner_missing'
          when not ${fits(by)} then 'owner_unfit'
          when user_id is null then 'owner_unknown' end,
        case when coalesce(title, '') = '' then 'title_blank'
          when char_length(title) > 200 then 'title_too_long' end,
        case when char_length(description) > 1000 then 'description_too_long' end,
        case when completed <> other_completed then 'completed_contradictory'
          when coalesce(completed, other_completed) is null then 'completed_missing' end,
        case when ${usable('created_at')} is null
          or (updated_at is not null and ${usable('updated_at')} is null) then 'time_missing' end,
        case when ${isRepeated(by)} then 'id_repeated' end,
        case when ${isTaken(by)} then 'id_taken' end
      ], null) as problems from owned offset 0
    ), decided as (
      select examined.*, case when problems && ${list(by.leave)} then 'left'
        when problems <@ ${list(by.repair)} then 'copied' else 'stuck' end as decision from examined offset 0
    ), judged as (select decided.*, ${fate(by)} as fate from decided)`
}

/** The columns of `tasks` that `taskValues` gives values for. */
export const taskColumns = sql.raw(
  'user_id, id, title, description, completed, created_at, updated_at',
)

/** A judged row as a row of `tasks`, with every repair: a row that needs none stays the same. */
export const taskValues = sql`user_id, id, left(title, 200), left(description, 1000),
  coalesce(completed, other_completed, false),
  ${cut(sql`coalesce(${usable('created_at')}, ${usable('updated_at')}, now())`)},
  ${cut(sql`coalesce(${usable('updated_at')}, ${usable('created_at')}, now())`)}`

const list = (kinds: readonly ProblemKind[]) => sql.lit(`{${kinds.join(',')}}`)

/** `tasks` keeps milliseconds. Rounding would move the last instant of a day to the next. */
export function cut(instant: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`date_trunc('milliseconds', ${instant})`
}

/** An instant that the API can show, else null. */
export function usable(name: 'created_at' | 'updated_at'): RawBuilder<unknown> {
  const years = sql`'0001-01-02Z'::timestamptz and '9999-12-30Z'::timestamptz`
  return sql`case when ${sql.id(name)} between ${years} then ${sql.id(name)} end`
}

/** The owner's id as the users table prints it. The old table may have a UUID without hyphens. */
function ownerKey({ mapping, userKey, userIdType }: Judgement): RawBuilder<unknown> {
  const text = sql`${columnOf(mapping.owner)}::text`
  if (userKey !== 'id' || userIdType !== 'uuid') return text
  return sql`case when ${text} ~* ${uuid} then ${text}::uuid::text else ${text} end`
}

function fits({ userKey, userIdType }: Judgement): RawBuilder<unknown> {
  if (userKey !== 'id') return sql`true`
  const [, limit] = /^character(?: varying)?\((\d+)\)$/.exec(userIdType) ?? []
  if (limit !== undefined) return sql`char_length(owner_key) <= ${sql.lit(Number(limit))}`
  if (userIdType === 'uuid') return sql`owner_key ~* ${uuid}`
  const digits = { smallint: 4, integer: 9, bigint: 18 }[userIdType]
  if (digits !== undefined) return sql`owner_key ~ ${sql.lit(`^[0-9]{1,${digits}}$`)}`
  return sql`true`
}

/** A UUID stays what it is. Any other id becomes a name-based UUID of version 8 (RFC 9562, B.2). */
function newId({ idsOf }: Judgement): RawBuilder<unknown> {
  const hash = sql`encode(sha256(decode(${namespace}::text, 'hex')
    || convert_to(${`${idsOf}/`}::text || id_text, 'UTF8')), 'hex')`
  return sql`case when id_text ~* ${uuid} then id_text::uuid else (select (substr(hash, 1, 12)
    || '8' || substr(hash, 14, 3) || translate(substr(hash, 17, 1), '01234567cdef', '89ab89ab89ab')
    || substr(hash, 18, 15))::uuid from (select ${hash} as hash) as hashed) end`
}

/** Different texts can be the same UUID in two spellings. */
function isRepeated({ mapping }: Judgement): RawBuilder<unknown> {
  if (mapping.id.category !== 'S') return sql`false`
  return sql`count(*) over (partition by owner_key, id) > 1`
}

function isTaken({ hasTasks }: Judgement): RawBuilder<unknown> {
  if (!hasTasks) return sql`false`
  return sql`exists (select from tasks where tasks.user_id = owned.user_id and tasks.id = owned.id)`
}

/** Of the rows with one id, only one can be copied: the one that was changed last. */
function fate({ mapping, repair }: Judgement): RawBuilder<unknown> {
  if (mapping.id.category !== 'S' || !repair.includes('id_repeated')) return sql`decision`
  return sql`case when decision = 'copied' and 'id_repeated' = any (problems) and row_number() over (
    partition by owner_key, id, decision order by coalesce(${usable('updated_at')},
    ${usable('created_at')}) desc nulls last, id_text) > 1 then 'left' else decision end`
}
