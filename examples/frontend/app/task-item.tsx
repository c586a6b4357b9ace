import { type FormEvent, useRef, useState } from 'react'
import { ApiError, readTask, type Task, updateTask } from '@/lib/api'
import { toggleTask } from '@/lib/optimistic'

interface Props {
  task: Task
  isBusy: boolean
  show(task: Task): void
  attempt(action: () => Promise<unknown>, done?: string): Promise<boolean>
  remove(task: Task): Promise<void>
}

export function TaskItem({ task, isBusy, show, attempt, remove }: Props) {
  // The version that is being edited, and null while none is.
  const [etag, setEtag] = useState<string | null>(null)
  const editButton = useRef<HTMLButtonElement>(null)
  const toggled = useRef<Promise<boolean>>(undefined)

  async function read() {
    // Otherwise the version is the one before it, and the edit is refused as if somebody else had been faster.
    await toggled.current
    const latest = await readTask(task.id)
    show(latest.task)
    setEtag(latest.etag)
    return latest.task
  }

  function close() {
    setEtag(null)
    // Once the button is there again.
    setTimeout(() => editButton.current?.focus())
  }

  async function save(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const title = String(form.get('title'))
    const description = String(form.get('description')) || null
    const isDone = await attempt(async () => {
      try {
        show(await updateTask(task.id, { title, description }, etag))
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 412)) throw error
        const latest = await read()
        throw new Error(
          `Somebody has changed this task meanwhile, to “${latest.title}”. Save again to replace that.`,
        )
      }
    }, `“${title}” is saved.`)
    if (isDone) close()
  }

  if (etag !== null) {
    return (
      <li className="card">
        <form
          onSubmit={save}
          onKeyDown={({ key }) => key === 'Escape' && close()}
          className="fields"
        >
          <label>
            Title
            {/* biome-ignore lint/a11y/noAutofocus: the button that opened this form is gone */}
            <input name="title" defaultValue={task.title} required autoFocus />
          </label>
          <label>
            Description
            <textarea name="description" rows={3} defaultValue={task.description ?? ''} />
          </label>
          <div className="row">
            <button type="submit" className="primary" disabled={isBusy}>
              Save
            </button>
            <button type="button" onClick={close}>
              Cancel
            </button>
          </div>
        </form>
      </li>
    )
  }
  return (
    <li className="card row">
      <label className="check grow">
        <input
          type="checkbox"
          checked={task.completed}
          onChange={() => {
            toggled.current = attempt(() => toggleTask(task, show))
          }}
        />
        <span>
          {task.title}
          {task.description !== null && <small>{task.description}</small>}
        </span>
      </label>
      <button
        type="button"
        ref={editButton}
        aria-label={`Edit ${task.title}`}
        onClick={() => attempt(read)}
      >
        Edit
      </button>
      <button type="button" aria-label={`Delete ${task.title}`} onClick={() => remove(task)}>
        Delete
      </button>
    </li>
  )
}
