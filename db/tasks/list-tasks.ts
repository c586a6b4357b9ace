import { type CompiledQuery, type Kysely, sql } from 'kysely'
import type { Database } from '#db/schema'
import type { CallerDatabase, CallerQuery } from '#db/scoped'
import { searchPattern } from '#db/tasks/search-pattern'
import { precompile } from '#db/tasks/statements'
import { columnsOf, type TaskRow, taskColumns } from '#db/tasks/task-row'

/** Where a page ends: the sort key of its last task, as it was when the page was read. */
export interface Position {
  readonly createdAt: string
  readonly id: string
  readonly title: string
}

export interface ListOptions {
  readonly completed?: boolean | undefined
  /** Lists the tasks with this text in title or description, whatever its case and accents. */
  readonly search?: string | undefined
  readonly sort: 'created' | 'title'
  readonly order: 'asc' | 'desc'
  readonly limit: number
  /** Lists the tasks after this position. */
  readonly after?: Position | undefined
  /** How many tasks to leave out before the page. */
  readonly offset?: number | undefined
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

/** So many tasks are passed over as fast as a page is read. */
const fewTasks = 1000

/** What the statement of a page depends on; its values come when it is sent. */
interface Shape extends Pick<ListOptions, 'sort' | 'order' | 'withTotal'> {
  readonly hasFilter: boolean
  readonly hasSearch: boolean
  readonly isFirst: boolean
}

interface Values extends Position {
  readonly userId: string
  readonly completed: boolean
  readonly pattern: string
  readonly rows: number
  readonly offset: number
}

/** The row of a page. With a total, only that and the owner are there if there are no tasks. */
type PageRow = TaskRow & { readonly total?: number }

const statements = new Map<string, (values: Values) => CompiledQuery<PageRow>>()
const start: Position = { createdAt: '', id: '', title: '' }

/**
 * Lists a page of a user's tasks. The next page starts after a sort key and not after a number of
 * rows, so a task that is created or deleted meanwhile does not shift it.
 */
export async function listTaskRows(
  db: CallerDatabase,
  userId: string,
  { completed, search, sort, order, limit, after, offset = 0, withTotal }: ListOptions,
): Promise<TaskPage> {
  const [hasFilter, hasSearch] = [completed !== undefined, search !== undefined]
  const isFirst = after === undefined
  const statement = statementOf({ sort, order, withTotal, hasFilter, hasSearch, isFirst })
  const values = {
    userId,
    completed: completed ?? false,
    pattern: search === undefined ? '' : searchPattern(search),
    // One task more than the page holds shows whether another page follows.
    rows: limit + 1,
    offset,
    ...(after ?? start),
  }
  const query: CallerQuery<PageRow> = {
    ...statement(values),
    isLong: hasSearch || offset > fewTasks,
  }
  const { rows } = await db.executeQuery<PageRow>(query)
  const found = withTotal ? rows.filter(({ id }) => id !== null) : rows
  return { tasks: found.slice(0, limit), hasMore: found.length > limit, total: rows[0]?.total }
}

/** The statement of this shape, which is compiled once: there are 64. */
function statementOf(shape: Shape): (values: Values) => CompiledQuery<PageRow> {
  const name = Object.values(shape).join()
  const known = statements.get(name) ?? precompile((db, values: Values) => write(db, shape, values))
  statements.set(name, known)
  return known
}

function write(db: Kysely<Database>, shape: Shape, values: Values) {
  const { userId, completed, pattern, rows, offset } = values
  const { sort, order, withTotal, hasFilter, hasSearch, isFirst } = shape
  let tasks = db.selectFrom('tasks').where('user_id', '=', userId)
  if (hasFilter) tasks = tasks.where('completed', '=', completed)
  if (hasSearch) tasks = tasks.where(hasText(pattern))
  let found = tasks.select(taskColumns)
  if (isFirst) found = found.offset(sql<number>`${offset}::integer`)
  else found = found.where(isAfter(values, sort, order))
  if (sort === 'title') found = found.orderBy(titleOrder, order)
  found = found.orderBy('created_at', order).orderBy('id', order).limit(sql<number>`${rows}`)
  if (!withTotal) return found

  // The total is a single row, so the join keeps the order of the tasks. A left join returns the
  // total even if there are no tasks.
  return db
    .selectFrom(tasks.select(sql<number>`count(*)::integer`.as('total')).as('all'))
    .leftJoin(found.as('found'), (join) => join.onTrue())
    .select(columnsOf('found'))
    .select(sql<string>`coalesce(found.user_id, ${userId}::text)`.as('user_id'))
    .select('total')
}

/** In the collation "C" a regular expression has no rules but its own. */
function hasText(pattern: string) {
  return sql<boolean>`(title collate "C" ~ ${pattern}::text or description collate "C" ~ ${pattern}::text)`
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
