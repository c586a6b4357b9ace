import type { Caller } from '#db/caller'
import type { OpenDatabase } from '#db/database'
import type { CallerDatabase } from '#db/scoped'
import { type ListOptions, listTaskRows } from '#db/tasks/list-tasks'
import type { TaskChanges, TaskContent, TaskRow, VersionCondition } from '#db/tasks/task-row'
import {
  completeTaskRow,
  deleteTaskRow,
  type Found,
  findTaskRow,
  insertTaskRow,
  updateTaskRow,
} from '#db/tasks/tasks'
import { toTask } from '#lib/tasks/answers'

const content = { title: 'Buy milk', description: null, completed: false }
const list = {
  sort: 'created',
  order: 'desc',
  limit: 1000,
  withTotal: true,
} as const

/** Every statement on tasks, as `db` sends it for the user who is named. */
export function statementsOf(db: CallerDatabase, userId: string) {
  const insert = async (id: string, task: Partial<TaskContent> = {}, owner: Partial<Caller> = {}) =>
    shown(await insertTaskRow(db, { userId, ...owner }, { id }, { ...content, ...task }))
  return {
    list: async (options: Partial<ListOptions> = {}) => {
      const { tasks, ...page } = await listTaskRows(db, userId, { ...list, ...options })
      return { json: JSON.stringify(tasks.map(toTask)), ...page }
    },
    find: async (id: string, condition?: VersionCondition) =>
      taskIn(await findTaskRow(db, userId, id, condition)),
    insert,
    /** The same with an id of its own, which is returned as well. */
    create: async (task?: Partial<TaskContent>, owner?: Partial<Caller>) => {
      const id = crypto.randomUUID()
      return { id, ...(await insert(id, task, owner)) }
    },
    update: async (id: string, changes: TaskChanges, condition?: VersionCondition) =>
      taskIn(await updateTaskRow(db, userId, id, changes, condition)),
    complete: async (id: string, completed?: boolean, condition?: VersionCondition) =>
      taskIn(await completeTaskRow(db, userId, id, completed, condition)),
    /** Whether there was such a task. */
    remove: async (id: string, condition?: VersionCondition) =>
      (await deleteTaskRow(db, userId, id, condition)) !== undefined,
  }
}

/** The same for a user of a database, as `forUser` takes them. */
export function tasksOf(database: OpenDatabase, ...as: Parameters<OpenDatabase['forUser']>) {
  return statementsOf(database.forUser(...as), as[0])
}

/** Without a condition, a task is there or it is not. */
function taskIn(found: Found): { json: string; version: number } | undefined {
  if (found === undefined) return undefined
  if (found === 'precondition failed') throw new Error('No condition was given.')
  return shown(found)
}

function shown(task: TaskRow): { json: string; version: number } {
  return { json: JSON.stringify(toTask(task)), version: task.version }
}
