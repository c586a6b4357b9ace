import { insertTask, listTasks } from '#db/tasks'
import { otherMethods } from '#lib/methods'
import { readJson, readQuery } from '#lib/request'
import { listAnswer, taskAnswer } from '#lib/responses'
import { ListTasksQuery, NewTask } from '#lib/schemas/tasks'
import { withAuth } from '#lib/with-auth'

/** Lists the caller's tasks, newest first. */
export const GET = withAuth(async ({ request, db, caller }) => {
  const query = readQuery(request, ListTasksQuery)
  return listAnswer(await listTasks(db, caller.userId, query))
})

/** Creates a task that the caller owns. */
export const POST = withAuth(async ({ request, db, caller }) => {
  const content = await readJson(request, NewTask)
  const id = crypto.randomUUID()
  const task = await insertTask(db, caller, id, content)
  return taskAnswer(task, { status: 201, location: `/api/tasks/${id}` })
})

export const { PUT, PATCH, DELETE, OPTIONS } = otherMethods('GET', 'POST')
