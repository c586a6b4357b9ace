import type { ColumnType } from 'kysely'

/**
 * `tasks`, keyed by `(user_id, id)`: the owner is part of a task's identity. A `never` marks what
 * a statement may not write. The second wall hides every row whose owner is not the caller.
 */
export interface TasksTable {
  user_id: ColumnType<string, string, never>
  id: ColumnType<string, string, never>
  title: string
  description: string | null
  completed: boolean
  /** Starts anywhere and goes up by one with each change; it is the task's `ETag`. */
  version: ColumnType<number, never, number>
  /** What a create with an `Idempotency-Key` stored and which request it was; see ADR 0031. */
  creation: ColumnType<string | null, string | null, never>
  created_at: ColumnType<string, never, never>
  updated_at: ColumnType<string, never, string>
}

/** The tables that statements may name. The users table is left to `todo_owner()`. */
export interface Database {
  tasks: TasksTable
}
