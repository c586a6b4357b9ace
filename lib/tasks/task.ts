import type { TaskRow } from '#db/tasks/task-row'
import type { Task } from '#lib/tasks/schemas'
import { toTimestamp } from '#lib/tasks/timestamp'

/** The one place that makes of a row what a task looks like outside. */
export function toTask(row: TaskRow): Task {
  const { id, user_id, title, description, completed, created_ms, updated_ms } = row
  return {
    id,
    user_id,
    title,
    description,
    completed,
    is_completed: completed,
    created_at: toTimestamp(created_ms),
    updated_at: toTimestamp(updated_ms),
  }
}
