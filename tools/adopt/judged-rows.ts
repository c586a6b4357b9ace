import { type RawBuilder, sql } from 'kysely'
import { quoteTableName, type TableName } from '#db/table-name'
import type { ColumnMapping } from '#tools/adopt/column-mapping'
import type { ProblemKind } from '#tools/adopt/problems'
import type { Column } from '#tools/adopt/table-facts'

/** The tables, columns and options by which rows are judged. */
export interface Judgement {
  readonly old: TableName
  /** The first name of the old table, which new ids are computed from even after it was renamed. */
  readonly idsOf: string
  readonly mapping: ColumnMapping
  /** Undefined if the users table does not exist yet. */
  readonly users: TableName | undefined
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
 */
export function judgedRows(by: Judgement): RawBuilder<unknown> {
  const { mapping } = by
  const users = by.users && sql.raw(quoteTableName(by.users))
  const person = users ? sql`left join ${users} as person on person.id::text = owner_key` : sql``
  return sql`source as (
      select old.id as old_id, old.id::text as id_text, ${ownerKey(by)} as owner_key,
        ${column(mapping.title)}::text as whole_title,
        btrim(${column(mapping.title)}::text, ${whiteSpace}::text) as title,
        ${mapping.description ? column(mapping.description) : sql`null`}::text as description,
        ${flag(mapping.completed[0])} as completed, ${flag(mapping.completed.at(-1))} as other_completed,
        ${instant(mapping.createdAt, by.timeZone)} as created_at,
        ${instant(mapping.updatedAt, by.timeZone)} as updated_at
      from ${sql.raw(quoteTableName(by.old))} as old
    ), owned as (
      select source.*, ${users ? sql`person.id` : sql`null::text`} as user_id, ${newId(by)} as id
      from source ${person}
    ), examined as (
      select owned.*, array_remove(array[
        case when owner_key is null or owner_key = '' then 'owner_missing'
          when not ${fits(by.userIdType)} then 'owner_unfit'
          when user_id is null then 'owner_unknown' end,
        case when coalesce(title, '') = '' then 'title_blank'
          when char_length(title) > 200 then 'title_too_long' end,
        case when char_length(description) > 1000 then 'description_too_long' end,
        case when completed <> other_completed then 'completed_contradictory'
          when coalesce(completed, other_completed) is null then 'completed_missing' end,
        case when ${unusable('created_at', mapping.createdAt)} or ${unusable('updated_at')}
          then 'time_missing' end,
        case when ${repeated(mapping.id)} ${taken(by)} then 'id_taken' end
      ], null) as problems from owned
    ), judged as (
      select examined.*, case when problems && ${list(by.leave)} then 'left'
        when problems <@ ${list(by.repair)} then 'copied' else 'stuck' end as fate from examined
    )`
}

/** The columns of `tasks` that `taskValues` gives values for. */
export const taskColumns = sql.raw(
  'user_id, id, title, description, completed, created_at, updated_at',
)

/** A judged row as a row of `tasks`, with every repair: a row that needs none stays the same. */
export const taskValues = sql`user_id, id, left(title, 200), left(description, 1000),
  coalesce(completed, other_completed, false),
  coalesce(${usable('created_at')}, ${usable('updated_at')}, now()),
  coalesce(${usable('updated_at')}, ${usable('created_at')}, now())`

const column = ({ name }: Column) => sql`old.${sql.id(name)}`
const list = (kinds: readonly ProblemKind[]) => sql.lit(`{${kinds.join(',')}}`)

function flag(from: Column | undefined): RawBuilder<unknown> {
  if (from === undefined) return sql`null::boolean`
  return from.type === 'boolean' ? column(from) : sql`(${column(from)} <> 0)`
}

function instant(from: Column | undefined, timeZone: string): RawBuilder<unknown> {
  if (from === undefined) return sql`null::timestamptz`
  if (from.type.endsWith('with time zone')) return sql`${column(from)}::timestamptz`
  return sql`${column(from)}::timestamp at time zone ${timeZone}::text`
}

function usable(name: string): RawBuilder<unknown> {
  const years = sql`'0001-01-02Z'::timestamptz and '9999-12-30Z'::timestamptz`
  return sql`case when ${sql.id(name)} between ${years} then ${sql.id(name)} end`
}

/** A missing time of creation is a problem only where the table has such a column. */
function unusable(name: string, from?: Column): RawBuilder<unknown> {
  const isPresent = from === undefined ? sql`${sql.id(name)} is not null` : sql`true`
  return sql`(${isPresent} and ${usable(name)} is null)`
}

/** The owner's id as the users table prints it. The old table may have a UUID without hyphens. */
function ownerKey({ mapping, userIdType }: Judgement): RawBuilder<unknown> {
  const text = sql`${column(mapping.owner)}::text`
  if (userIdType !== 'uuid') return text
  return sql`case when ${text} ~* ${uuid} then ${text}::uuid::text else ${text} end`
}

function fits(userIdType: string): RawBuilder<unknown> {
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
function repeated(id: Column): RawBuilder<unknown> {
  return id.category === 'S' ? sql`count(*) over (partition by owner_key, id) > 1` : sql`false`
}

function taken({ hasTasks }: Judgement): RawBuilder<unknown> {
  if (!hasTasks) return sql``
  return sql`or exists (select from tasks where tasks.user_id = owned.user_id and tasks.id = owned.id)`
}
