import type { TaskRow } from '#db/tasks/task-row'
import { toTask } from '#lib/tasks/answers'

/** Ten of the longest tasks are 75 KB of JSON, which V8 frees without a full garbage collection. */
const tasksAtOnce = 10

/**
 * The JSON of a list of tasks, between the text before and after it. It is made of short pieces,
 * because V8 keeps a string of megabytes in memory until its next full garbage collection.
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

/** The JSON of tasks, without the brackets around them. */
function toJson(tasks: readonly TaskRow[]): string {
  return JSON.stringify(tasks.map(toTask)).slice(1, -1)
}
