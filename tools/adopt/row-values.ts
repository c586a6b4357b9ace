/** How the values of the old table's columns are read, as expressions of SQL on `old`. */
import { type RawBuilder, sql } from 'kysely'
import type { Source } from '#tools/adopt/column-mapping'
import { isInstant, isNumber } from '#tools/adopt/column-names'
import type { Column } from '#tools/adopt/table-facts'

export const columnOf = ({ name }: Column) => sql`old.${sql.id(name)}`

/** A flag: by the values that mean yes, or by its type. A timestamp means yes wherever it is set. */
export function flagOf(source: Source | undefined): RawBuilder<unknown> {
  if (source === undefined) return sql`null::boolean`
  const { column, values } = source
  const value = columnOf(column)
  if (values !== undefined) return sql`(${value}::text in (${sql.join(values)}))`
  if (column.type === 'boolean') return value
  return isInstant(column) ? sql`(${value} is not null)` : sql`(${value} <> 0)`
}

/** An instant, null where the value is none. */
export function instantOf(source: Source | undefined, timeZone: string): RawBuilder<unknown> {
  if (source === undefined) return sql`null::timestamptz`
  const { column } = source
  const value = columnOf(column)
  if (isNumber(column)) return epoch(value)
  if (column.category === 'S') return written(sql`${value}::text`, timeZone)
  if (column.type.endsWith('with time zone')) return sql`${value}::timestamptz`
  return sql`${value}::timestamp at time zone ${timeZone}::text`
}

/** Seconds since 1970, or what is too large for them: milli-, micro- or nanoseconds. */
function epoch(value: RawBuilder<unknown>): RawBuilder<unknown> {
  const size = sql`abs(${value}::numeric)`
  const unit = sql`case when ${size} < 1e11 then 1 when ${size} < 1e14 then 1e3
    when ${size} < 1e17 then 1e6 else 1e9 end`
  return sql`case when ${size} < 1e19 then to_timestamp((${value}::numeric / ${unit})::double precision) end`
}

const zone = '( ?(Z|UTC|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?))'
const day = '(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])'
const time = '[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?'

/** A date or an instant of ISO 8601. A cast of anything else would end the whole adoption. */
function written(text: RawBuilder<unknown>, timeZone: string): RawBuilder<unknown> {
  const lastDay = sql`extract(day from (substr(${text}, 1, 7) || '-01')::date + interval '1 month -1 day')`
  return sql`case when ${text} ~ ${sql.lit(`^${day}(${time}${zone}?)?$`)} then
    case when substr(${text}, 9, 2)::integer > ${lastDay} then null
      when ${text} ~ ${sql.lit(`:[0-9.]+${zone}$`)} then ${text}::timestamptz
      else ${text}::timestamp at time zone ${timeZone}::text end end`
}
