import type { TaskRow } from '#db/tasks/task-row'
import { toTask } from '#lib/tasks/task'

/** Ten of the longest tasks are 75 KB of JSON, which V8 still drops without a full collection. */
const tasksAtOnce = 10

/**
 * JSON of a list of tasks, between what stands before and behind it. Made of short pieces, because
 * one string for a list of megabytes stays in memory until V8 next collects all of its heap.
 */
export function listBody(
  tasks: readonly TaskRow[],
  before: string,
  behind: string,
): Uint8Array<ArrayBuffer> | string {
  if (tasks.length <= tasksAtOnce) return before + toJson(tasks) + behind
  const pieces = [Buffer.from(before)]
  for (let start = 0; start < tasks.length; start += tasksAtOnce) {
    const comma = start === 0 ? '' : ','
    pieces.push(Buffer.from(comma + toJson(tasks.slice(start, start + tasksAtOnce))))
  }
  pieces.push(Buffer.from(behind))
  return Buffer.concat(pieces)
}

/** Without its brackets. */
function toJson(tasks: readonly TaskRow[]): string {
  return JSON.stringify(tasks.map(toTask)).slice(1, -1)
}
