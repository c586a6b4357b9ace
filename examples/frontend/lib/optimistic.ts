import { setCompleted, type Task } from '@/lib/api'

/** Shows a completed task at once, and takes it back if the request fails. */
export async function toggleTask(task: Task, show: (task: Task) => void): Promise<void> {
  const completed = !task.completed
  show({ ...task, completed, is_completed: completed })
  try {
    show(await setCompleted(task.id, completed))
  } catch (error) {
    show(task)
    throw error
  }
}
