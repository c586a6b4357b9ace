import { listTasks } from '#db/tasks/list-tasks'
import { insertTask } from '#db/tasks/tasks'
import { withAuth } from '#lib/auth/with-auth'
import { readJson } from '#lib/http/body'
import { otherMethods } from '#lib/http/methods'
import { createdAnswer } from '#lib/tasks/answers'
import { isReplay, planCreation } from '#lib/tasks/idempotency'
import { listAnswer, readListRequest } from '#lib/tasks/list-page'
import { NewTask } from '#lib/tasks/schemas'

/** Lists the caller's tasks, newest first. */
export const GET = withAuth(async ({ request, db, caller }) => {
  const list = readListRequest(request, caller.userId)
  return listAnswer(await listTasks(db, caller.userId, list.options), list)
})

/** Creates a task that the caller owns, or finds the one that its `Idempotency-Key` made before. */
export const POST = withAuth(async ({ request, db, caller }) => {
  const content = await readJson(request, NewTask)
  const plan = planCreation(request, caller.userId, content)
  const task = await insertTask(db, caller, plan, content)
  return createdAnswer(task, isReplay(plan.creation, task.creation))
})

export const { PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET', 'POST')
