import type { TaskList } from '#db/list-tasks'
import type { CreatedTask, Found } from '#db/tasks'
import { taskTag } from '#lib/conditions'
import { Problem } from '#lib/errors'
import { taskNotFound } from '#lib/request'

const caching = { 'cache-control': 'private, no-cache' }
const contentType = { 'content-type': 'application/json' }

/**
 * A task, as Postgres wrote it, or 304 where the reader has it.
 *
 * @throws Problem 404 where there is none, 412 where it is in another version
 */
export function taskAnswer(found: Found): Response {
  if (found === undefined) throw taskNotFound()
  if (found === 'stale') throw preconditionFailed()
  const { json, version } = found
  const headers = { ...caching, etag: taskTag(version) }
  return json === null
    ? new Response(null, { status: 304, headers })
    : new Response(json, { headers: { ...contentType, ...headers } })
}

/** A new task; or the one that an earlier request with the same key made, as it is now. */
export function createdAnswer(task: CreatedTask, id: string, isReplay: boolean): Response {
  return new Response(task.json, {
    status: isReplay ? 200 : 201,
    headers: {
      ...contentType,
      ...caching,
      etag: taskTag(task.version),
      location: `/api/tasks/${id}`,
      ...(isReplay && { 'idempotency-replayed': 'true' }),
    },
  })
}

/** @throws Problem 404 where there was nothing to delete, 412 where it is in another version */
export function deletedAnswer(found: Found): Response {
  if (found === undefined) throw taskNotFound()
  if (found === 'stale') throw preconditionFailed()
  return new Response(null, { status: 204 })
}

export type Envelope = 'array' | 'tasks' | 'items'

/** A list of tasks, as Postgres wrote it, or 304 where the reader has it. */
export function listResponse(
  { json, count, total }: TaskList,
  { envelope, etag, next }: { envelope: Envelope; etag: string; next: string | undefined },
): Response {
  const headers = { ...caching, etag, ...(next !== undefined && { link: `<${next}>; rel="next"` }) }
  if (json === null) return new Response(null, { status: 304, headers })
  const body =
    envelope === 'array' ? json : `{"${envelope}":${json},"count":${count},"total":${total}}`
  return new Response(body, { headers: { ...contentType, ...headers } })
}

export function preconditionFailed(): Problem {
  return new Problem('precondition_failed', 'It has changed since the version that you named.')
}
