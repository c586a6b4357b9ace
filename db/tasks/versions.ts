import { type RawBuilder, type SqlBool, sql } from 'kysely'

/** Versions that a request names: any at all, or one of these. */
export type Versions = '*' | readonly number[]

/** What a task's version must be for a statement to touch it. */
export interface VersionCondition {
  /** Only these. */
  readonly ifMatch?: Versions | undefined
  /** None of these. */
  readonly ifNoneMatch?: Versions | undefined
}

/** Whether every version meets the condition. */
export function isUnconditional({ ifMatch = '*', ifNoneMatch }: VersionCondition): boolean {
  return ifMatch === '*' && ifNoneMatch === undefined
}

/** The condition as SQL. */
export function meets(condition: VersionCondition): RawBuilder<SqlBool> {
  if (isUnconditional(condition)) return sql<SqlBool>`true`
  const { ifMatch = '*', ifNoneMatch = [] } = condition
  return sql<SqlBool>`${isOneOf(ifMatch)} and not ${isOneOf(ifNoneMatch)}`
}

/** Whether the row's version is among these, as one parameter however many they are. */
function isOneOf(versions: Versions): RawBuilder<SqlBool> {
  return versions === '*'
    ? sql<SqlBool>`true`
    : sql<SqlBool>`version = any(${`{${versions.join()}}`}::integer[])`
}
