import { listTaskRows } from '#db/tasks/list-tasks'
import { insertTaskRow } from '#db/tasks/tasks'
import { withAuth } from '#lib/auth/with-auth'
import { otherMethods } from '#lib/http/methods'
import { createdAnswer } from '#lib/tasks/answers'
import { isReplay, planCreation } from '#lib/tasks/idempotency'
import { listAnswer } from '#lib/tasks/list-page'
import { createTask, listTasks } from '#lib/tasks/operations'

/** Lists the caller's tasks, newest first. */
export const GET = withAuth(listTasks, async ({ page, db, caller }) =>
  listAnswer(await listTaskRows(db, caller.userId, page.options), page),
)

/** Creates a task of the caller, or returns the one that its `Idempotency-Key` created before. */
export const POST = withAuth(createTask, async ({ content, key, url, db, caller }) => {
  const plan = planCreation(key, caller.userId, content)
  const task = await insertTaskRow(db, caller, plan, content)
  return createdAnswer(task, url, isReplay(plan.creation, task.creation))
})

export const { PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET', 'POST')
