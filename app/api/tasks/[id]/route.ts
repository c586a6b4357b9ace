import { deleteTaskRow, findTaskRow, updateTaskRow } from '#db/tasks/tasks'
import { withAuth } from '#lib/auth/with-auth'
import { otherMethods, sameAs } from '#lib/http/methods'
import { deletedAnswer, taskAnswer } from '#lib/tasks/answers'
import { deleteTask, getTask, putTask, updateTask } from '#lib/tasks/operations'

/** Reads one of the caller's tasks. */
export const GET = withAuth(getTask, async ({ id, conditions, db, caller }) => {
  const { ifMatch, ifNoneMatch } = conditions
  return taskAnswer(await findTaskRow(db, caller.userId, id, { ifMatch }), ifNoneMatch)
})

/** Changes the fields that are sent; the others stay as they are. */
export const PATCH = withAuth(updateTask, async ({ id, changes, conditions, db, caller }) =>
  taskAnswer(await updateTaskRow(db, caller.userId, id, changes, conditions)),
)

/** The same as PATCH, because some frontends change single fields with PUT. */
export const PUT = sameAs(PATCH, putTask)

/** Deletes one of the caller's tasks. */
export const DELETE = withAuth(deleteTask, async ({ id, conditions, db, caller }) =>
  deletedAnswer(await deleteTaskRow(db, caller.userId, id, conditions)),
)

export const { POST, OPTIONS } = otherMethods('GET', 'PUT', 'PATCH', 'DELETE')
