import type { CallerDatabase } from '#db/scoped'
import {
  completeTask,
  deleteTask,
  findTask,
  insertTask,
  type ListOptions,
  listTasks,
  type TaskChanges,
  type TaskContent,
  type TaskOwner,
  updateTask,
} from '#db/tasks'

const content = { title: 'Buy milk', description: null, completed: false }
const list = { sort: 'created', order: 'desc', limit: 1000 } as const

/** Every statement on tasks, as `db` sends it for the user who is named. */
export function statementsOf(db: CallerDatabase, userId: string) {
  return {
    list: (options: Partial<ListOptions> = {}) => listTasks(db, userId, { ...list, ...options }),
    find: (id: string) => findTask(db, userId, id),
    insert: (id: string, task: Partial<TaskContent> = {}, owner: Partial<TaskOwner> = {}) =>
      insertTask(db, { userId, ...owner }, id, { ...content, ...task }),
    update: (id: string, changes: TaskChanges) => updateTask(db, userId, id, changes),
    complete: (id: string, completed?: boolean) => completeTask(db, userId, id, completed),
    remove: (id: string) => deleteTask(db, userId, id),
  }
}
