import type { ColumnMapping, Source } from '#tools/adopt/column-mapping'
import { isInstant, isNumber } from '#tools/adopt/column-names'
import type { CountedValue } from '#tools/adopt/decisions'
import type { Plan, RowsOfPlan } from '#tools/adopt/plan'
import type { Column } from '#tools/adopt/table-facts'

export const number = (count: number) => count.toLocaleString('en')
export const rows = (count: number) => `${number(count)} ${count === 1 ? 'row' : 'rows'}`

const named = ({ name, type }: Column) => `${name} (${type})`

/** Says for each column of `tasks` where it comes from. */
export function describeColumns(plan: Plan, { judgement, survey, values }: RowsOfPlan): string[] {
  const { mapping, timeZone } = judgement
  const { computedIds, trimmed, finer, days } = survey
  const users = `${plan.users.table?.label ?? 'a new table'}.id (${plan.users.idType})${plan.users.key === 'id' ? '' : `, found by ${plan.users.key}`}`
  const flags = (sources: readonly Source[]) =>
    sources.map((source) => flag(source, values.get(source.column.name))).join(' and ')
  const others = mapping.others.map(({ name }) => `${name} (${rows(survey.filled[name] ?? 0)})`)
  const computed = `; ${rows(computedIds)} whose id is no UUID get one that is computed from it`
  const between = days.first === null ? '' : `, of ${days.first} to ${days.last}`
  return [
    `  id           from ${named(mapping.id)}${computedIds > 0 ? computed : ''}`,
    `  user_id      from ${named(mapping.owner)}, as users name it: ${users}`,
    `  title        from ${named(mapping.title)}${trimmed > 0 ? `, without the white space around it (${rows(trimmed)})` : ''}`,
    `  description  from ${mapping.description ? named(mapping.description) : nothing}`,
    `  completed    from ${mapping.completed.length > 0 ? flags(mapping.completed) : nothing}`,
    `  created_at   from ${time(mapping.createdAt, 'the moment of the adoption', timeZone, mapping)}${between}`,
    `  updated_at   from ${time(mapping.updatedAt, 'created_at', timeZone, mapping)}`,
    ...(mapping.deleted.length > 0 ? [`  deleted rows by ${flags(mapping.deleted)}`] : []),
    ...(finer > 0 ? [`Times of ${rows(finer)} are cut to milliseconds, not rounded.`] : []),
    ...(others.length > 0 ? [`In the old table alone stays what is in ${others.join(', ')}.`] : []),
  ]
}

const nothing = 'nothing: no column is known to be it'

function flag({ column, values }: Source, found: readonly CountedValue[] = []) {
  if (values === undefined) {
    return isInstant(column) ? `${named(column)}, yes where it is set` : named(column)
  }
  const count = (value: string) => found.find((each) => each.value === value)?.rows ?? 0
  const yes = values.map((value) => `${value} (${rows(count(value))})`)
  const no = found.filter(({ value }) => !values.includes(value))
  const rest = no.map(({ value, rows: times }) => `${value} (${rows(times)})`).join(', ')
  return `${named(column)}: yes where it is ${yes.join(' or ')}, no where it is ${rest || 'anything else'}`
}

function time(
  source: Source | undefined,
  instead: string,
  timeZone: string,
  { updatedAt }: ColumnMapping,
): string {
  if (source === undefined) {
    return `${updatedAt === undefined || instead === 'created_at' ? instead : 'updated_at'}: no column is known to be it`
  }
  const { column } = source
  if (isNumber(column)) return `${named(column)}, as the time since 1970`
  return column.type.endsWith('with time zone')
    ? named(column)
    : `${named(column)}, read as ${timeZone}`
}
