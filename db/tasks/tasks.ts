import type { Caller } from '#db/caller'
import { setLatest } from '#db/remembered'
import type { CallerDatabase, CallerQuery } from '#db/scoped'
import {
  deleteStatements,
  findStatements,
  flipStatements,
  insertStatements,
  type OnOneTask,
  toArrays,
  updateStatements,
} from '#db/tasks/statements'
import type {
  TaskChanges,
  TaskContent,
  TaskKey,
  TaskRow,
  VersionCondition,
} from '#db/tasks/task-row'

/** A task, undefined if there is none, or a word if it does not meet the condition. */
export type Found = TaskRow | 'precondition failed' | undefined

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
  return runOnTask(db, { userId, id }, condition, findStatements)
}

/** Users who have stored a task, so their row is there. To look takes Postgres a sixth of a create. */
const known = new Map<string, true>()
const knownUsers = 10_000

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
  const values = { userId, email, name, id, creation, ...content }
  const ifUserIsGone = () => insertStatements.anybody(values)
  const isKnown = known.has(userId)
  const query = isKnown
    ? ({ ...insertStatements.known(values), ifUserIsGone } satisfies CallerQuery)
    : ifUserIsGone()
  const { rows } = await db.executeQuery(query).catch((error: unknown) => {
    // Perhaps because the row is gone: then a next create would be sent twice as well.
    known.delete(userId)
    throw error
  })
  const [task] = rows
  if (task === undefined) throw new Error('An insert gives back the task that it stored or found.')
  if (!isKnown) setLatest(known, userId, true, knownUsers)
  return task
}

/** Changes the fields that are given. Without any, it reads the task. */
export function updateTaskRow(
  db: CallerDatabase,
  userId: string,
  id: string,
  changes: TaskChanges,
  condition: VersionCondition = {},
): Promise<Found> {
  const names = Object.keys(changes) as (keyof TaskContent)[]
  const fields = names.filter((name) => changes[name] !== undefined)
  const statements = fields.length === 0 ? findStatements : updateStatements(fields)
  return runOnTask(db, { ...changes, userId, id }, condition, statements)
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
  return runOnTask(db, { userId, id }, condition, flipStatements)
}

/** Deletes a task, and returns what it was. */
export function deleteTaskRow(
  db: CallerDatabase,
  userId: string,
  id: string,
  condition: VersionCondition = {},
): Promise<Found> {
  return runOnTask(db, { userId, id }, condition, deleteStatements)
}

/**
 * With a condition, tells a task that does not meet it from one that is not there. One statement does
 * both, because the task could change before a second one.
 */
async function runOnTask<Values extends TaskKey>(
  db: CallerDatabase,
  values: Values,
  condition: VersionCondition,
  { unconditional, conditional }: OnOneTask<Values>,
): Promise<Found> {
  const arrays = toArrays(condition)
  if (arrays === undefined) return (await db.executeQuery(unconditional(values))).rows[0]
  const { rows } = await db.executeQuery(conditional({ ...values, ...arrays }))
  const [row] = rows
  if (row === undefined) return undefined
  // The join sets all columns to null, or none.
  return row.version === null ? 'precondition failed' : (row as TaskRow)
}
