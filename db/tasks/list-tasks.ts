import { sql } from 'kysely'
import type { CallerDatabase } from '#db/scoped'
import { type TaskRow, taskColumns } from '#db/tasks/task-row'

/** Where a page ends: the sort key of its last task, as it was when the page was read. */
export interface Position {
  readonly createdAt: string
  readonly id: string
  readonly title: string
}

export interface ListOptions {
  readonly completed?: boolean | undefined
  readonly sort: 'created' | 'title'
  readonly order: 'asc' | 'desc'
  readonly limit: number
  /** Lists the tasks after this position. */
  readonly after?: Position | undefined
  /** Whether to count the tasks of all pages. */
  readonly withTotal: boolean
}

export interface TaskPage {
  readonly tasks: readonly TaskRow[]
  readonly hasMore: boolean
  /** The number of tasks on all pages, if it was asked for. */
  readonly total: number | undefined
}

/** Orders letter case and accents as people expect, and the same on every Postgres. */
const titleOrder = sql`title collate "und-x-icu"`

/**
 * Lists a page of a user's tasks. The next page starts after a sort key and not after a number of
 * rows, so a task that is created or deleted meanwhile does not shift it.
 */
export async function listTaskRows(
  db: CallerDatabase,
  userId: string,
  { completed, sort, order, limit, after, withTotal }: ListOptions,
): Promise<TaskPage> {
  let tasks = db.selectFrom('tasks').where('user_id', '=', userId)
  if (completed !== undefined) tasks = tasks.where('completed', '=', completed)
  let found = tasks.select(taskColumns)
  if (after !== undefined) found = found.where(isAfter(after, sort, order))
  if (sort === 'title') found = found.orderBy(titleOrder, order)
  // One task more than the page holds shows whether another page follows.
  found = found
    .orderBy('created_at', order)
    .orderBy('id', order)
    .limit(limit + 1)
  if (!withTotal) return toPage(await found.execute(), limit, undefined)

  // The total is a single row, so the join keeps the order of the tasks. A left join returns the
  // total even if there are no tasks.
  const rows = await db
    .selectFrom(tasks.select(sql<number>`count(*)::integer`.as('total')).as('all'))
    .leftJoin(found.as('found'), (join) => join.onTrue())
    .selectAll('found')
    .select('total')
    .execute()
  const page = rows.filter((row): row is typeof row & TaskRow => row.id !== null)
  return toPage(page, limit, rows[0]?.total)
}

function toPage(found: readonly TaskRow[], limit: number, total: number | undefined): TaskPage {
  return { tasks: found.slice(0, limit), hasMore: found.length > limit, total }
}

function isAfter(
  { createdAt, id, title }: Position,
  sort: ListOptions['sort'],
  order: ListOptions['order'],
) {
  const beyond = sql.raw(order === 'asc' ? '>' : '<')
  return sort === 'title'
    ? sql<boolean>`(${titleOrder}, created_at, id) ${beyond} (${title}::text, ${createdAt}::timestamptz, ${id}::uuid)`
    : sql<boolean>`(created_at, id) ${beyond} (${createdAt}::timestamptz, ${id}::uuid)`
}
