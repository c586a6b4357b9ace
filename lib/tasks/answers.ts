import type { Versions } from '#db/tasks/statements'
import type { TaskRow } from '#db/tasks/task-row'
import type { CreatedTask, Found } from '#db/tasks/tasks'
import { env } from '#lib/config/env'
import { type Answer, json } from '#lib/http/answer'
import { Problem } from '#lib/http/errors'
import { preconditionFailed, taskTag, toTask } from '#lib/tasks/task'

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
