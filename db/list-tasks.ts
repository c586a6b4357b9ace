import { sql } from 'kysely'
import type { CallerDatabase } from '#db/scoped'
import { createdAt, taskJson } from '#db/task-json'

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
  /** Lists what comes after it. */
  readonly after?: Position | undefined
  /** Whether to count the tasks of all pages. */
  readonly withTotal: boolean
  /** Tags of lists that the client has: it is not sent one of these again. */
  readonly known: '*' | readonly string[]
}

export interface TaskList {
  /** A JSON array; null where the client has it. */
  readonly json: string | null
  /** A hash of what the list shows, the same for the same content. */
  readonly tag: string
  readonly count: number
  readonly total: number | null
  /** The end of this page; null where there are no more. */
  readonly next: Position | null
}

/** Letter case and accents as a person expects them, the same on every Postgres. */
const titleOrder = sql`title collate "und-x-icu"`

/**
 * Lists a page of a user's tasks as one JSON array. The next page starts after a sort key and not
 * after a number of rows, so what is created or deleted in between moves nothing into it or out.
 */
export async function listTasks(
  db: CallerDatabase,
  userId: string,
  options: ListOptions,
): Promise<TaskList> {
  const { completed, sort, order, limit, after, withTotal, known } = options
  let tasks = db.selectFrom('tasks').where('user_id', '=', userId)
  if (completed !== undefined) tasks = tasks.where('completed', '=', completed)
  const total = withTotal
    ? tasks.select(sql<number>`count(*)::integer`.as('total'))
    : sql<null>`null::integer`

  let found = after === undefined ? tasks : tasks.where(isAfter(after, sort, order))
  if (sort === 'title') found = found.orderBy(titleOrder, order)
  found = found.orderBy('created_at', order).orderBy('id', order)

  // A CTE is read in the order it was written in, so "page" needs no order of its own. The one
  // task more than the page holds says whether there is another page.
  return await db
    .with('found', () => found.selectAll().limit(limit + 1))
    .with('page', (cte) => cte.selectFrom('found').selectAll().limit(limit))
    .with('summary', (cte) =>
      cte
        .selectFrom('page')
        .select([
          sql<number>`count(*)::integer`.as('count'),
          sql<number | null>`${total}`.as('total'),
          sql<boolean>`(select count(*) from found) > ${limit}`.as('has_more'),
          sql<Buffer>`string_agg(uuid_send(id) || int4send(version), '')`.as('versions'),
        ]),
    )
    .with('tagged', (cte) =>
      cte.selectFrom('summary').select([
        'count',
        'total',
        'has_more',
        sql<string>`left(encode(sha256(coalesce(versions, '') || boolsend(has_more)
          || int4send(coalesce(total, 0))), 'hex'), 32)`.as('tag'),
      ]),
    )
    .selectFrom('tagged')
    .select([
      'tag',
      'count',
      'total',
      sql<string | null>`case when ${isKnown(known)} then null else
        (select '[' || coalesce(string_agg(${taskJson}, ','), '') || ']' from page) end`.as('json'),
      sql<Position | null>`case when has_more then
        (select json_build_object('createdAt', ${createdAt}, 'id', id, 'title', title)
          from page offset ${limit - 1} limit 1) end`.as('next'),
    ])
    .executeTakeFirstOrThrow()
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

function isKnown(tags: '*' | readonly string[]) {
  return tags === '*' ? sql`true` : sql`tag = any(${`{${tags.join()}}`}::text[])`
}
