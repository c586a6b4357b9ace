import type { TaskRow, Versions } from '#db/tasks/task-row'
import type { CreatedTask, Found } from '#db/tasks/tasks'
import { env } from '#lib/config/env'
import { type Answer, json } from '#lib/http/answer'
import { Problem } from '#lib/http/errors'
import type { Task } from '#lib/tasks/answer-schemas'

const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** Formatted dates, such as `1970-01-01T`, by day. The tasks of a list have few different ones. */
const dates = new Map<number, string>()
const rememberedDates = 10_000

const digits = Array.from({ length: 1000 }, (_, number) => String(number).padStart(3, '0'))
const twoDigits = digits.slice(0, 100).map((three) => three.slice(1))

/** For tasks and lists: a browser may store them, and must revalidate them before each use. */
export const caching = { 'cache-control': 'private, no-cache' }

/**
 * A task, or 304 if the client has this version of it.
 *
 * @throws Problem 404 if there is none, 412 if a condition of the request is not met
 */
export function taskAnswer(found: Found, ifNoneMatch: Versions = []): Answer {
  const task = taskIn(found)
  const headers = { ...caching, etag: taskTag(task.version) }
  const isKnown = ifNoneMatch === '*' || ifNoneMatch.includes(task.version)
  return isKnown ? { status: 304, headers } : json(toTask(task), { headers })
}

/**
 * A new task with 201, or with 200 the one that an earlier request with the same key created.
 *
 * @param url of the request, which `Location` is relative to
 */
export function createdAnswer(task: CreatedTask, url: URL, isReplay: boolean): Answer {
  return json(toTask(task), {
    status: isReplay ? 200 : 201,
    headers: {
      ...caching,
      etag: taskTag(task.version),
      location: locationOf(task, url),
      ...(isReplay && { 'idempotency-replayed': 'true' }),
    },
  })
}

/**
 * 204, or with `DELETE_ANSWER=task` the task that is gone. It has no `ETag`: nothing has that
 * version any more.
 *
 * @throws Problem 404 if there was nothing to delete, 412 if a condition is not met
 */
export function deletedAnswer(found: Found): Answer {
  const task = taskIn(found)
  return env().DELETE_ANSWER === 'task' ? json(toTask(task)) : { status: 204 }
}

/**
 * Where a task of this list is, relative to the list (RFC 3986, 5.2): `tasks/{id}`, or `{id}` if
 * the list was called with a slash at its end. A path from the root would point outside of a
 * frontend's rewrite; see ADR 0069.
 */
function locationOf({ id }: CreatedTask, { pathname }: URL): string {
  const list = pathname.slice(pathname.lastIndexOf('/') + 1)
  if (list === '') return id
  // What stands before a colon in a first segment would be a scheme.
  return list.includes(':') ? `./${list}/${id}` : `${list}/${id}`
}

function taskIn(found: Found): TaskRow {
  if (found === undefined) throw taskNotFound()
  if (found === 'precondition failed') throw preconditionFailed()
  return found
}

/** The 404 of a task. Another user's task has the same, so that nobody learns which ids exist. */
export function taskNotFound(): Problem {
  return new Problem('task_not_found', 'There is no such task.')
}

/** The 412 for a condition of the request that is not met. */
export function preconditionFailed(): Problem {
  return new Problem('precondition_failed', 'It is in a version that your request rules out.')
}

/** Makes a task from a row. No other code decides what the API shows of one. */
export function toTask(row: TaskRow): Task {
  const { id, user_id, title, description, completed, created_ms, updated_ms } = row
  const { COMPLETION_FIELD: field } = env()
  return {
    id,
    user_id,
    title,
    description,
    // JSON leaves out what is undefined, which costs half as much as to leave it out here.
    completed: field === 'is_completed' ? undefined : completed,
    is_completed: field === 'completed' ? undefined : completed,
    created_at: toTimestamp(Number(created_ms)),
    updated_at: toTimestamp(Number(updated_ms)),
  }
}

/**
 * Formats a time in UTC (RFC 3339) like `Date.prototype.toISOString`, in a quarter of its time. A
 * list of 50 tasks has a hundred timestamps.
 *
 * @param milliseconds since 1970, without fractions
 */
export function toTimestamp(milliseconds: number): string {
  const day = Math.floor(milliseconds / dayMs)
  const time = milliseconds - day * dayMs
  const hour = twoDigits[Math.floor(time / hourMs)]
  const minute = twoDigits[Math.floor(time / minuteMs) % 60]
  const second = twoDigits[Math.floor(time / secondMs) % 60]
  return `${dateOf(day)}${hour}:${minute}:${second}.${digits[time % secondMs]}Z`
}

function dateOf(day: number): string {
  const known = dates.get(day)
  if (known !== undefined) return known
  const date = new Date(day * dayMs).toISOString().replace('00:00:00.000Z', '')
  if (dates.size === rememberedDates) dates.clear()
  dates.set(day, date)
  return date
}

/** The `ETag` of a task. It is strong, because a version always has the same text in one shape. */
function taskTag(taskVersion: number): string {
  return `"${taskVersion}${taskShape()}"`
}

/** What a tag says of the shape of tasks, which `COMPLETION_FIELD` changes. */
export function taskShape(): string {
  const { COMPLETION_FIELD: field } = env()
  return field === 'both' ? '' : `.${field}`
}
