import { completeTaskRow } from '#db/tasks/tasks'
import { withAuth } from '#lib/auth/with-auth'
import { otherMethods } from '#lib/http/methods'
import { taskAnswer } from '#lib/tasks/answers'
import { completeTask } from '#lib/tasks/operations'

/** Sets completion to the value in the body, or flips it if there is no body. */
export const PATCH = withAuth(completeTask, async ({ id, completion, conditions, db, caller }) =>
  taskAnswer(await completeTaskRow(db, caller.userId, id, completion?.completed, conditions)),
)

export const { GET, POST, PUT, DELETE, OPTIONS } = otherMethods('PATCH')
