import { type RawBuilder, sql } from 'kysely'
import type { CallerDatabase } from '#db/scoped'

/** A task as the JSON text that is sent, built by Postgres, with the version it shows. */
export interface StoredTask {
  readonly json: string
  readonly version: number
}

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

export interface ListOptions {
  readonly completed?: boolean | undefined
  readonly sort: 'created' | 'title'
  readonly order: 'asc' | 'desc'
  readonly limit: number
}

/** RFC 3339 in UTC with milliseconds, whatever time zone the session has. */
function utc(column: 'created_at' | 'updated_at') {
  return sql`to_char(${sql.ref(column)} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
}

/** The one place that says what a task looks like outside. */
const taskJson: RawBuilder<string> = sql<string>`(select row_to_json(task)::text from (select
  id, user_id::text as user_id, title, description, completed, completed as is_completed,
  ${utc('created_at')} as created_at, ${utc('updated_at')} as updated_at) as task)`

/** Letter case and accents as a person expects them, the same on every Postgres. */
const titleOrder = sql`title collate "und-x-icu"`

/** Lists a user's tasks as one JSON array. */
export async function listTasks(db: CallerDatabase, userId: string, options: ListOptions) {
  let page = db.selectFrom('tasks').select(taskJson.as('json')).where('user_id', '=', userId)
  if (options.completed !== undefined) page = page.where('completed', '=', options.completed)
  if (options.sort === 'title') page = page.orderBy(titleOrder, options.order)
  page = page.orderBy('created_at', options.order).orderBy('id', options.order).limit(options.limit)
  return await db
    .selectFrom(page.as('page'))
    .select(sql<string>`'[' || coalesce(string_agg(json, ','), '') || ']'`.as('json'))
    .executeTakeFirstOrThrow()
}

/** @returns undefined where the user has no such task */
export async function findTask(
  db: CallerDatabase,
  userId: string,
  id: string,
): Promise<StoredTask | undefined> {
  return await db
    .selectFrom('tasks')
    .select([taskJson.as('json'), 'version'])
    .where('user_id', '=', userId)
    .where('id', '=', id)
    .executeTakeFirst()
}

/**
 * Stores a task, and the user's row before it where that is missing and the table is ours. Sending
 * the same id again changes nothing and returns what is there.
 */
export async function insertTask(
  db: CallerDatabase,
  owner: TaskOwner,
  id: string,
  content: TaskContent,
): Promise<StoredTask> {
  const { userId, email = null, name = null } = owner
  return await db
    .insertInto('tasks')
    .values({
      user_id: sql<string>`todo_owner(${userId}, ${email}, ${name})`,
      id,
      ...content,
    })
    .onConflict((conflict) =>
      conflict.columns(['user_id', 'id']).doUpdateSet({ version: sql.ref('tasks.version') }),
    )
    .returning([taskJson.as('json'), 'version'])
    .executeTakeFirstOrThrow()
}

/** Changes the fields that are given. @returns undefined where the user has no such task */
export async function updateTask(
  db: CallerDatabase,
  userId: string,
  id: string,
  changes: TaskChanges,
): Promise<StoredTask | undefined> {
  if (Object.values(changes).every((change) => change === undefined)) {
    return await findTask(db, userId, id)
  }
  return await changeTask(db, userId, id)
    .set(changes)
    .returning([taskJson.as('json'), 'version'])
    .executeTakeFirst()
}

/** Sets completion, or flips it where no value is given. */
export async function completeTask(
  db: CallerDatabase,
  userId: string,
  id: string,
  completed: boolean | undefined,
): Promise<StoredTask | undefined> {
  return await changeTask(db, userId, id)
    .set({ completed: completed ?? sql<boolean>`not completed` })
    .returning([taskJson.as('json'), 'version'])
    .executeTakeFirst()
}

/** @returns whether there was such a task */
export async function deleteTask(db: CallerDatabase, userId: string, id: string) {
  const deleted = await db
    .deleteFrom('tasks')
    .where('user_id', '=', userId)
    .where('id', '=', id)
    .returning('id')
    .executeTakeFirst()
  return deleted !== undefined
}

function changeTask(db: CallerDatabase, userId: string, id: string) {
  return db
    .updateTable('tasks')
    .set({ version: sql<number>`version + 1`, updated_at: sql<string>`now()` })
    .where('user_id', '=', userId)
    .where('id', '=', id)
}
