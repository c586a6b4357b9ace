import {
  type DeleteQueryBuilder,
  expressionBuilder,
  type Kysely,
  type RawBuilder,
  type SelectQueryBuilder,
  type SqlBool,
  sql,
  type UpdateQueryBuilder,
} from 'kysely'
import { precompile } from '#db/precompiled'
import type { Database } from '#db/schema'
import { columnsOf, type TaskContent, type TaskRow, taskColumns } from '#db/tasks/task-row'

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

interface NewTaskRow extends TaskKey, TaskContent {
  readonly email: string | null
  readonly name: string | null
  readonly creation: string | null
}

// The statements of most requests, which have no condition.
export const findStatement = precompile(selectQuery)
export const deleteStatement = precompile(deleteQuery)
export const flipStatement = precompile(flipQuery)
export const insertStatement = precompile((db, task: NewTaskRow) =>
  db
    .insertInto('tasks')
    .values({
      user_id: sql<string>`todo_owner(${task.userId}, ${task.email}, ${task.name})`,
      id: task.id,
      title: task.title,
      description: task.description,
      completed: task.completed,
      creation: task.creation,
    })
    .onConflict((conflict) =>
      conflict.columns(['user_id', 'id']).doUpdateSet({ version: sql.ref('tasks.version') }),
    )
    .returning([...taskColumns, 'creation']),
)

/** The condition of every statement on one task: owner (the first wall), id and version. */
function isTask({ userId, id }: TaskKey, condition: VersionCondition) {
  const { and, eb } = expressionBuilder<Database, 'tasks'>()
  return and([eb('user_id', '=', userId), eb('id', '=', id), meets(condition)])
}

export function selectQuery(db: Kysely<Database>, key: TaskKey, condition: VersionCondition = {}) {
  return db.selectFrom('tasks').select(taskColumns).where(isTask(key, condition))
}

export function updateQuery(db: Kysely<Database>, key: TaskKey, condition: VersionCondition = {}) {
  return db
    .updateTable('tasks')
    .set({ version: sql<number>`version + 1`, updated_at: sql<string>`now()` })
    .where(isTask(key, condition))
}

export function flipQuery(db: Kysely<Database>, key: TaskKey, condition: VersionCondition = {}) {
  return updateQuery(db, key, condition)
    .set({ completed: sql<boolean>`not completed` })
    .returning(taskColumns)
}

export function deleteQuery(db: Kysely<Database>, key: TaskKey, condition: VersionCondition = {}) {
  return db.deleteFrom('tasks').where(isTask(key, condition)).returning(taskColumns)
}

/** What reads or changes one task, and returns it. */
export type QueryOnOneTask =
  | SelectQueryBuilder<Database, 'tasks', TaskRow>
  | UpdateQueryBuilder<Database, 'tasks', 'tasks', TaskRow>
  | DeleteQueryBuilder<Database, 'tasks', TaskRow>

/** Returns a row if the task exists: its owner, and what the query found of it, or nulls. */
export function besideTask(db: Kysely<Database>, { userId, id }: TaskKey, query: QueryOnOneTask) {
  return db
    .with('matched', () => query)
    .selectFrom('tasks')
    .leftJoin('matched', (join) => join.onTrue())
    .select(columnsOf('matched'))
    .select(sql<string>`tasks.user_id::text`.as('user_id'))
    .where('tasks.user_id', '=', userId)
    .where('tasks.id', '=', id)
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

/** Whether the row has one of these versions, as one parameter however many there are. */
function isOneOf(versions: Versions): RawBuilder<SqlBool> {
  return versions === '*'
    ? sql<SqlBool>`true`
    : sql<SqlBool>`version = any(${`{${versions.join()}}`}::integer[])`
}
