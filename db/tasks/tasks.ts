import type { CompiledQuery } from 'kysely'
import type { Caller } from '#db/caller'
import type { CallerDatabase } from '#db/scoped'
import {
  besideTask,
  deleteQuery,
  deleteStatement,
  findStatement,
  flipQuery,
  flipStatement,
  insertStatement,
  isUnconditional,
  type QueryOnOneTask,
  selectQuery,
  type TaskKey,
  updateQuery,
  type VersionCondition,
} from '#db/tasks/statements'
import { type TaskContent, type TaskRow, taskColumns } from '#db/tasks/task-row'

/** A task, undefined if there is none, or a word if it does not meet the condition. */
export type Found = TaskRow | 'precondition failed' | undefined

export type TaskChanges = { readonly [field in keyof TaskContent]?: TaskContent[field] | undefined }

/** A task that an insert stored or found, with the note from its creation. */
export interface CreatedTask extends TaskRow {
  readonly creation: string | null
}

/** Reads a task. */
export function findTaskRow(
  db: CallerDatabase,
  userId: string,
  id: string,
  condition: VersionCondition = {},
): Promise<Found> {
  return runOnTask(db, { userId, id }, condition, findStatement, selectQuery)
}

/**
 * Stores a task, and before it the user's row if the users table is ours and lacks it. If the id
 * exists already, it changes nothing and returns the stored task, whose `creation` tells who stored
 * it.
 */
export async function insertTaskRow(
  db: CallerDatabase,
  owner: Caller,
  { id, creation = null }: { readonly id: string; readonly creation?: string | null },
  content: TaskContent,
): Promise<CreatedTask> {
  const { userId, email = null, name = null } = owner
  const { rows } = await db.executeQuery(
    insertStatement({ userId, email, name, id, creation, ...content }),
  )
  const [task] = rows
  if (task === undefined) throw new Error('An insert gives back the task that it stored or found.')
  return task
}

/** Changes the fields that are given. Without any, it reads the task. */
export async function updateTaskRow(
  db: CallerDatabase,
  userId: string,
  id: string,
  changes: TaskChanges,
  condition: VersionCondition = {},
): Promise<Found> {
  const isEmpty = Object.values(changes).every((value) => value === undefined)
  if (isEmpty) return await findTaskRow(db, userId, id, condition)
  const key = { userId, id }
  const query = updateQuery(db, key, condition).set(changes).returning(taskColumns)
  if (isUnconditional(condition)) return await query.executeTakeFirst()
  return await findConditionally(db, key, query)
}

/** Sets completion, or flips it if no value is given. */
export function completeTaskRow(
  db: CallerDatabase,
  userId: string,
  id: string,
  completed: boolean | undefined,
  condition: VersionCondition = {},
): Promise<Found> {
  if (completed !== undefined) return updateTaskRow(db, userId, id, { completed }, condition)
  return runOnTask(db, { userId, id }, condition, flipStatement, flipQuery)
}

/** Deletes a task, and returns what it was. */
export function deleteTaskRow(
  db: CallerDatabase,
  userId: string,
  id: string,
  condition: VersionCondition = {},
): Promise<Found> {
  return runOnTask(db, { userId, id }, condition, deleteStatement, deleteQuery)
}

/** Most requests make no condition, and their statement is compiled already. */
async function runOnTask(
  db: CallerDatabase,
  key: TaskKey,
  condition: VersionCondition,
  statement: (key: TaskKey) => CompiledQuery<TaskRow>,
  query: (db: CallerDatabase, key: TaskKey, condition: VersionCondition) => QueryOnOneTask,
): Promise<Found> {
  if (isUnconditional(condition)) return (await db.executeQuery(statement(key))).rows[0]
  return await findConditionally(db, key, query(db, key, condition))
}

/**
 * Runs the query, and tells a task that does not meet the condition from one that is not there. One
 * statement does both, because the task could change before a second one.
 */
async function findConditionally(
  db: CallerDatabase,
  key: TaskKey,
  query: QueryOnOneTask,
): Promise<Found> {
  const row = await besideTask(db, key, query).executeTakeFirst()
  if (row === undefined) return undefined
  // The join sets all columns to null, or none.
  return row.version === null ? 'precondition failed' : (row as TaskRow)
}
