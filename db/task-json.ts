import { type RawBuilder, sql } from 'kysely'

/** RFC 3339 in UTC with milliseconds, whatever time zone the session has. */
function utc(column: 'created_at' | 'updated_at') {
  return sql`to_char(${sql.ref(column)} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
}

/** The one place that says what a task looks like outside. */
export const taskJson: RawBuilder<string> = sql<string>`(select row_to_json(task)::text from (select
  id, user_id::text as user_id, title, description, completed, completed as is_completed,
  ${utc('created_at')} as created_at, ${utc('updated_at')} as updated_at) as task)`

/** When a task was made, as its JSON says it. */
export const createdAt: RawBuilder<string> = sql<string>`${utc('created_at')}`
