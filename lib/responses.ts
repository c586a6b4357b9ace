import type { StoredTask } from '#db/tasks'
import { taskNotFound } from '#lib/request'

const jsonHeaders = { 'content-type': 'application/json', 'cache-control': 'private, no-cache' }

/**
 * A task, as Postgres wrote it.
 *
 * @throws Problem 404 where there is none
 */
export function taskAnswer(
  task: StoredTask | undefined,
  { status = 200, location }: { status?: number; location?: string } = {},
): Response {
  if (task === undefined) throw taskNotFound()
  return new Response(task.json, {
    status,
    headers: location === undefined ? jsonHeaders : { ...jsonHeaders, location },
  })
}

/** A list of tasks, as Postgres wrote it. */
export function listAnswer({ json }: { json: string }): Response {
  return new Response(json, { headers: jsonHeaders })
}

/** @throws Problem 404 where there was nothing to delete */
export function deletedAnswer(wasThere: boolean): Response {
  if (!wasThere) throw taskNotFound()
  return new Response(null, { status: 204 })
}
