import {
  type DeleteQueryBuilder,
  type SelectQueryBuilder,
  sql,
  type UpdateQueryBuilder,
} from 'kysely'
import type { Database } from '#db/schema'
import type { CallerDatabase } from '#db/scoped'
import { type TaskRow, taskColumns } from '#db/task-row'
import { isUnconditional, meets, type VersionCondition } from '#db/versions'

/** A task, `stale` where it is not in a version that the request asks for, or none. */
export type Found = TaskRow | 'stale' | undefined

export interface TaskOwner {
  readonly userId: string
  readonly email?: string | undefined
  readonly name?: string | undefined
}

export interface TaskContent {
  readonly title: string
  readonly description: string | null
  readonly completed: boolean
}

export type TaskChanges = { readonly [field in keyof TaskContent]?: TaskContent[field] | undefined }

/** A task that an insert stored or found, with what was noted when it was created. */
export interface CreatedTask extends TaskRow {
  readonly creation: string | null
}

/** Reads a task. */
export async function findTask(
  db: CallerDatabase,
  userId: string,
  id: string,
  condition: VersionCondition = {},
): Promise<Found> {
  const query = db
    .selectFrom('tasks')
    .select(taskColumns)
    .where('user_id', '=', userId)
    .where('id', '=', id)
    .where(meets(condition))
  return await tellMissingFromStale(db, userId, id, condition, query)
}

/**
 * Stores a task, and the user's row before it where that is missing and the table is ours. The same
 * id again changes nothing and returns what is there: its `creation` tells who stored it.
 */
export async function insertTask(
  db: CallerDatabase,
  owner: TaskOwner,
  { id, creation = null }: { readonly id: string; readonly creation?: string | null },
  content: TaskContent,
): Promise<CreatedTask> {
  const { userId, email = null, name = null } = owner
  return await db
    .insertInto('tasks')
    .values({
      user_id: sql<string>`todo_owner(${userId}, ${email}, ${name})`,
      id,
      creation,
      ...content,
    })
    .onConflict((conflict) =>
      conflict.columns(['user_id', 'id']).doUpdateSet({ version: sql.ref('tasks.version') }),
    )
    .returning([...taskColumns, 'creation'])
    .executeTakeFirstOrThrow()
}

/** Changes the fields that are given; where there are none, reads. */
export async function updateTask(
  db: CallerDatabase,
  userId: string,
  id: string,
  changes: TaskChanges,
  condition: VersionCondition = {},
): Promise<Found> {
  const isEmpty = Object.values(changes).every((value) => value === undefined)
  if (isEmpty) return await findTask(db, userId, id, condition)
  const query = changeTask(db, userId, id, condition).set(changes).returning(taskColumns)
  return await tellMissingFromStale(db, userId, id, condition, query)
}

/** Sets completion, or flips it where no value is given. */
export async function completeTask(
  db: CallerDatabase,
  userId: string,
  id: string,
  completed: boolean | undefined,
  condition: VersionCondition = {},
): Promise<Found> {
  const query = changeTask(db, userId, id, condition)
    .set({ completed: completed ?? sql<boolean>`not completed` })
    .returning(taskColumns)
  return await tellMissingFromStale(db, userId, id, condition, query)
}

/** Deletes a task, and returns what it was. */
export async function deleteTask(
  db: CallerDatabase,
  userId: string,
  id: string,
  condition: VersionCondition = {},
): Promise<Found> {
  const query = db
    .deleteFrom('tasks')
    .where('user_id', '=', userId)
    .where('id', '=', id)
    .where(meets(condition))
    .returning(taskColumns)
  return await tellMissingFromStale(db, userId, id, condition, query)
}

function changeTask(db: CallerDatabase, userId: string, id: string, condition: VersionCondition) {
  return db
    .updateTable('tasks')
    .set({ version: sql<number>`version + 1`, updated_at: sql<string>`now()` })
    .where('user_id', '=', userId)
    .where('id', '=', id)
    .where(meets(condition))
}

type QueryOnOneTask =
  | SelectQueryBuilder<Database, 'tasks', TaskRow>
  | UpdateQueryBuilder<Database, 'tasks', 'tasks', TaskRow>
  | DeleteQueryBuilder<Database, 'tasks', TaskRow>

/**
 * Runs the query. Where it found nothing although the task is there, the condition was not met; the
 * same statement says so, since by a second one the task could have changed again.
 */
async function tellMissingFromStale(
  db: CallerDatabase,
  userId: string,
  id: string,
  condition: VersionCondition,
  query: QueryOnOneTask,
): Promise<Found> {
  if (isUnconditional(condition)) return await query.executeTakeFirst()
  const row = await db
    .with('matched', () => query)
    .selectFrom('tasks')
    .leftJoin('matched', (join) => join.onTrue())
    .selectAll('matched')
    .where('tasks.user_id', '=', userId)
    .where('tasks.id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return undefined
  // The join leaves all of the columns empty, or none.
  return row.version === null ? 'stale' : (row as TaskRow)
}
