import {
  type ColumnType,
  type Dialect,
  DummyDriver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely'

/**
 * `tasks`, with the key `(user_id, id)`: the owner is part of a task's identity. `never` marks what
 * a statement may not write. The second wall hides the rows of other users.
 */
export interface TasksTable {
  user_id: ColumnType<string, string, never>
  id: ColumnType<string, string, never>
  title: string
  description: string | null
  completed: boolean
  /** The `ETag` of the task. It starts at a random number and goes up by one with each change. */
  version: ColumnType<number, never, number>
  /** A note of the create: which request it was, and what it stored; see ADR 0031. */
  creation: ColumnType<string | null, string | null, never>
  created_at: ColumnType<string, never, never>
  updated_at: ColumnType<string, never, string>
}

/** The tables that statements may name. Only `todo_owner()` reaches the users table. */
export interface Database {
  tasks: TasksTable
}

/** What the migrations make, beside the users table: whoever makes `tasks` anew drops all of it. */
export const madeTables = ['tasks', 'rate_limits', 'kysely_migration', 'kysely_migration_lock']
export const madeFunctions = [
  ...['todo_owner', 'todo_service', 'todo_take_permit', 'todo_take_permits'],
  ...['todo_forget_permits', 'todo_move_tasks'],
]

/** Compiles statements for Postgres, and has no connection. */
export const dialect: Dialect = {
  createAdapter: () => new PostgresAdapter(),
  createDriver: () => new DummyDriver(),
  createIntrospector: (db) => new PostgresIntrospector(db),
  createQueryCompiler: () => new PostgresQueryCompiler(),
}
