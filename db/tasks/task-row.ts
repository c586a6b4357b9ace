import { sql } from 'kysely'

/** A task as every statement returns it, the same on each transport. */
export interface TaskRow {
  readonly id: string
  readonly user_id: string
  readonly title: string
  readonly description: string | null
  readonly completed: boolean
  readonly version: number
  /** Milliseconds since 1970, in decimal digits. */
  readonly created_ms: string
  readonly updated_ms: string
}

/** What a user writes of a task. */
export interface TaskContent {
  readonly title: string
  readonly description: string | null
  readonly completed: boolean
}

/** What a user changes of a task. A field that is missing or undefined stays as it is. */
export type TaskChanges = { readonly [field in keyof TaskContent]?: TaskContent[field] | undefined }

/** The primary key of one task. */
export interface TaskKey {
  readonly userId: string
  readonly id: string
}

/** The versions that a request names. `*` stands for all of them. */
export type Versions = '*' | readonly number[]

/** What a task's version must be for a statement to touch it. */
export interface VersionCondition {
  /** The version must be one of these. */
  readonly ifMatch?: Versions | undefined
  /** The version must be none of these. */
  readonly ifNoneMatch?: Versions | undefined
}

/**
 * A number needs no time zone, and no driver turns it into a `Date`. The text of an integer depends
 * on no setting: `extra_float_digits` rounds that of a float.
 */
function milliseconds(column: 'created_at' | 'updated_at') {
  return sql<string>`(date_part('epoch', ${sql.ref(column)}) * 1000)::bigint::text`
}

/** The columns of a `TaskRow`. The service makes the JSON, which costs less than in Postgres. */
export const taskColumns = [
  'id',
  sql<string>`user_id::text`.as('user_id'),
  'title',
  'description',
  'completed',
  'version',
  milliseconds('created_at').as('created_ms'),
  milliseconds('updated_at').as('updated_ms'),
] as const

/** The names of the columns of a task, without the one that names its owner. */
const contents = [
  'id',
  'title',
  'description',
  'completed',
  'version',
  'created_ms',
  'updated_ms',
] as const

/**
 * The columns of a task that a join may have left empty. `user_id` is selected besides, from where
 * it is there in any case: every row names the user that asked (ADR 0064).
 */
export function columnsOf<Table extends string>(table: Table) {
  return contents.map((name) => `${table}.${name}` as const)
}
