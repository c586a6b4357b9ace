import { listTasks } from '#db/list-tasks'
import { insertTask } from '#db/tasks'
import { isReplay, planCreation } from '#lib/idempotency'
import { listAnswer, readListRequest } from '#lib/list-page'
import { otherMethods } from '#lib/methods'
import { readJson } from '#lib/request'
import { createdAnswer } from '#lib/responses'
import { NewTask } from '#lib/schemas/tasks'
import { withAuth } from '#lib/with-auth'

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
