import { type RawBuilder, type SqlBool, sql } from 'kysely'

/** Versions that a request names: any at all, or one of these. */
export type Versions = '*' | readonly number[]

/** What a task's version must be for a statement to touch it. */
export interface VersionCondition {
  readonly is?: Versions | undefined
  readonly isNot?: Versions | undefined
}

/** Whether every version meets the condition. */
export function isUnconditional({ is = '*', isNot }: VersionCondition): boolean {
  return is === '*' && isNot === undefined
}

/** The condition as SQL. */
export function meets(condition: VersionCondition): RawBuilder<SqlBool> {
  if (isUnconditional(condition)) return sql<SqlBool>`true`
  const { is = '*', isNot = [] } = condition
  return sql<SqlBool>`${isOneOf(is)} and not ${isOneOf(isNot)}`
}

/** Whether the row's version is among these, as one parameter however many they are. */
function isOneOf(versions: Versions): RawBuilder<SqlBool> {
  return versions === '*'
    ? sql<SqlBool>`true`
    : sql<SqlBool>`version = any(${`{${versions.join()}}`}::integer[])`
}
