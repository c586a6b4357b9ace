import type { TaskRow } from '#db/tasks/task-row'
import type { CreatedTask, Found } from '#db/tasks/tasks'
import type { Versions } from '#db/tasks/versions'
import { type Answer, json } from '#lib/http/answer'
import { taskNotFound } from '#lib/http/body'
import { Problem } from '#lib/http/errors'
import { taskTag } from '#lib/tasks/conditions'
import { toTask } from '#lib/tasks/task'

/** Of tasks and lists: a browser may keep them, and asks before it uses them. */
export const caching = { 'cache-control': 'private, no-cache' }

/**
 * A task, or 304 where the reader has this version of it.
 *
 * @throws Problem 404 where there is none, 412 where it is in another version
 */
export function taskAnswer(found: Found, known: Versions = []): Answer {
  const task = taskIn(found)
  const headers = { ...caching, etag: taskTag(task.version) }
  const isKnown = known === '*' || known.includes(task.version)
  return isKnown ? { status: 304, headers } : json(toTask(task), { headers })
}

/** A new task; or the one that an earlier request with the same key made, as it is now. */
export function createdAnswer(task: CreatedTask, isReplay: boolean): Answer {
  return json(toTask(task), {
    status: isReplay ? 200 : 201,
    headers: {
      ...caching,
      etag: taskTag(task.version),
      location: `/api/tasks/${task.id}`,
      ...(isReplay && { 'idempotency-replayed': 'true' }),
    },
  })
}

/** @throws Problem 404 where there was nothing to delete, 412 where it is in another version */
export function deletedAnswer(found: Found): Answer {
  taskIn(found)
  return { status: 204 }
}

function taskIn(found: Found): TaskRow {
  if (found === undefined) throw taskNotFound()
  if (found === 'stale') throw preconditionFailed()
  return found
}

export function preconditionFailed(): Problem {
  return new Problem('precondition_failed', 'It has changed since the version that you named.')
}
