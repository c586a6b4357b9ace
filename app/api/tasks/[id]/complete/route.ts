import { completeTaskRow } from '#db/tasks/tasks'
import { withAuth } from '#lib/auth/with-auth'
import { otherMethods } from '#lib/http/methods'
import { taskAnswer } from '#lib/tasks/answers'
import { completeTask } from '#lib/tasks/operations'

/** Completes a task, or takes that back; sets it where the body says what, flips it otherwise. */
export const PATCH = withAuth(completeTask, async ({ id, completion, conditions, db, caller }) =>
  taskAnswer(await completeTaskRow(db, caller.userId, id, completion?.completed, conditions)),
)

export const { GET, POST, PUT, DELETE, OPTIONS } = otherMethods('PATCH')
