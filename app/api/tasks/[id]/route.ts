import { deleteTask, findTask, updateTask } from '#db/tasks/tasks'
import { withAuth } from '#lib/auth/with-auth'
import { readJson, readTaskId } from '#lib/http/body'
import { otherMethods } from '#lib/http/methods'
import { deletedAnswer, taskAnswer } from '#lib/tasks/answers'
import { readReadCondition, readWriteCondition } from '#lib/tasks/conditions'
import { TaskPatch } from '#lib/tasks/schemas'

/** Reads one of the caller's tasks. */
export const GET = withAuth(async ({ request, params, db, caller }) => {
  const id = readTaskId(params)
  const { known, ...condition } = readReadCondition(request)
  return taskAnswer(await findTask(db, caller.userId, id, condition), known)
})

/** Changes the fields that are sent; the others stay as they are. */
export const PATCH = withAuth(async ({ request, params, db, caller }) => {
  const id = readTaskId(params)
  const condition = readWriteCondition(request)
  const changes = await readJson(request, TaskPatch)
  return taskAnswer(await updateTask(db, caller.userId, id, changes, condition))
})

/** The same as PATCH: the frontends of this API send either, with the fields they know. */
export const PUT = PATCH

/** Deletes one of the caller's tasks. */
export const DELETE = withAuth(async ({ request, params, db, caller }) => {
  const id = readTaskId(params)
  const condition = readWriteCondition(request)
  return deletedAnswer(await deleteTask(db, caller.userId, id, condition))
})

export const { POST, OPTIONS } = otherMethods('GET', 'PUT', 'PATCH', 'DELETE')
