import { completeTask } from '#db/tasks'
import { readWriteCondition } from '#lib/conditions'
import { otherMethods } from '#lib/methods'
import { readOptionalJson, readTaskId } from '#lib/request'
import { taskAnswer } from '#lib/responses'
import { TaskCompletion } from '#lib/schemas/tasks'
import { withAuth } from '#lib/with-auth'

/** Completes a task, or takes that back; sets it where the body says what, flips it otherwise. */
export const PATCH = withAuth(async ({ request, params, db, caller }) => {
  const id = readTaskId(params)
  const condition = readWriteCondition(request)
  const body = await readOptionalJson(request, TaskCompletion)
  return taskAnswer(await completeTask(db, caller.userId, id, body?.completed, condition))
})

export const { GET, POST, PUT, DELETE, OPTIONS } = otherMethods('PATCH')
