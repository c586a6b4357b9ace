import { completeTask } from '#db/tasks/tasks'
import { withAuth } from '#lib/auth/with-auth'
import { readOptionalJson, readTaskId } from '#lib/http/body'
import { otherMethods } from '#lib/http/methods'
import { taskAnswer } from '#lib/tasks/answers'
import { readWriteCondition } from '#lib/tasks/conditions'
import { TaskCompletion } from '#lib/tasks/schemas'

/** Completes a task, or takes that back; sets it where the body says what, flips it otherwise. */
export const PATCH = withAuth(async ({ request, params, db, caller }) => {
  const id = readTaskId(params)
  const condition = readWriteCondition(request)
  const body = await readOptionalJson(request, TaskCompletion)
  return taskAnswer(await completeTask(db, caller.userId, id, body?.completed, condition))
})

export const { GET, POST, PUT, DELETE, OPTIONS } = otherMethods('PATCH')
