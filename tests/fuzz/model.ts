import type { Task } from '#tests/support/api'

export interface Fields {
  readonly title: string
  readonly description: string | null
  readonly completed: boolean
}

interface Entry {
  task: Task
  etag: string
}

/** What one user should see, kept in memory: the whole of the contract in a few lines. */
export class UserModel {
  readonly tasks = new Map<string, Entry>()
  readonly #keys = new Map<string, { id: string; payload: string }>()

  /** The status of a create, and of which task where it is a replay. */
  expectCreate(key: string | undefined, fields: Fields): { status: number; id?: string } {
    const known = key === undefined ? undefined : this.#keys.get(key)
    if (known === undefined || !this.tasks.has(known.id)) return { status: 201 }
    const isSame = known.payload === JSON.stringify(fields)
    return isSame ? { status: 200, id: known.id } : { status: 422 }
  }

  created(task: Task, etag: string, key: string | undefined, fields: Fields): void {
    this.tasks.set(task.id, { task, etag })
    if (key !== undefined) this.#keys.set(key, { id: task.id, payload: JSON.stringify(fields) })
  }

  /** The status of a write under `If-Match`. */
  expectWrite(id: string, ifMatch: string | undefined, done = 200): number {
    const entry = this.tasks.get(id)
    if (entry === undefined) return 404
    const isMet = ifMatch === undefined || ifMatch === '*' || ifMatch === entry.etag
    return isMet ? done : 412
  }

  /** The task after these changes; times and version are the service's own. */
  changed(id: string, changes: Partial<Fields>, answer: Task, etag: string): Task {
    const before = this.tasks.get(id)?.task ?? answer
    const completed = changes.completed ?? before.completed
    const merged = { ...before, ...changes, completed, is_completed: completed }
    const task = { ...merged, updated_at: answer.updated_at }
    this.tasks.set(id, { task, etag })
    return task
  }

  /** The list, newest first. */
  list(): Task[] {
    const tasks = Array.from(this.tasks.values(), ({ task }) => task)
    return tasks.sort((one, other) => (sortKey(one) < sortKey(other) ? 1 : -1))
  }
}

function sortKey({ created_at, id }: Task): string {
  return `${created_at} ${id}`
}
