'use client'

import { useRouter } from 'next/navigation'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { Pages } from '@/app/pages'
import { TaskItem } from '@/app/task-item'
import { TaskSearch } from '@/app/task-search'
import {
  ApiError,
  createTask,
  deleteTask,
  forgetToken,
  listTasks,
  type Task,
  type TaskFilter,
  type TaskPage,
} from '@/lib/api'
import { authClient } from '@/lib/auth-client'

const limit = 10

/** The tasks of whoever is signed in. */
export function Tasks({ name }: { name: string }) {
  const router = useRouter()
  const [filter, setFilter] = useState<TaskFilter>({ limit })
  // What led from the first page to the one that is shown: a `Link` leads only forwards.
  const [links, setLinks] = useState<string[]>([])
  const [page, setPage] = useState<TaskPage>()
  const [loaded, setLoaded] = useState<TaskFilter | string>()
  const [message, setMessage] = useState('')
  const [error, setError] = useState<unknown>()
  const [isBusy, setIsBusy] = useState(false)
  const heading = useRef<HTMLHeadingElement>(null)
  const query = links.at(-1) ?? filter
  const isLoading = loaded !== query

  useEffect(() => {
    let isWanted = true
    listTasks(query)
      .then(
        (answer) => {
          if (!isWanted) return
          setPage(answer)
          setError(undefined)
        },
        (reason) => isWanted && setError(reason),
      )
      .finally(() => isWanted && setLoaded(query))
    return () => {
      isWanted = false
    }
  }, [query])

  useEffect(() => {
    // Shows the sign-in if that is why: the page asks for the session again.
    if (error instanceof ApiError && error.status === 401) router.refresh()
  }, [error, router])

  /** Does it, and says how it went. @returns whether it could be done */
  async function attempt(action: () => Promise<unknown>, done = ''): Promise<boolean> {
    setError(undefined)
    setMessage('')
    setIsBusy(true)
    try {
      await action()
      setMessage(done)
      return true
    } catch (reason) {
      setError(reason)
      return false
    } finally {
      setIsBusy(false)
    }
  }

  function showFirstPage(filter: TaskFilter) {
    setFilter({ ...filter, limit })
    setLinks([])
  }

  async function add(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = event.currentTarget
    const title = String(new FormData(form).get('title'))
    const isDone = await attempt(() => createTask({ title }), `“${title}” is on the list.`)
    if (!isDone) return
    form.reset()
    showFirstPage(filter)
  }

  async function remove(task: Task) {
    if (!confirm(`Delete “${task.title}”?`)) return
    const isDone = await attempt(() => deleteTask(task.id), `“${task.title}” is deleted.`)
    if (!isDone) return
    // Its button is gone, and with it the focus.
    heading.current?.focus()
    setPage((shown) => shown && { ...shown, tasks: shown.tasks.filter(({ id }) => id !== task.id) })
  }

  function show(task: Task) {
    const replace = (shown: Task) => (shown.id === task.id ? task : shown)
    setPage((shown) => shown && { ...shown, tasks: shown.tasks.map(replace) })
  }

  function turnTo(page: string[]) {
    setLinks(page)
    setMessage('')
    heading.current?.focus()
  }

  async function signOut() {
    await authClient.signOut()
    forgetToken()
    router.refresh()
  }

  const next = page?.next
  return (
    <main>
      <header>
        <h1 ref={heading} tabIndex={-1}>
          Tasks
        </h1>
        <span className="name">{name}</span>
        <button type="button" onClick={signOut}>
          Sign out
        </button>
      </header>

      <form onSubmit={add} className="card row">
        <label className="grow">
          New task
          <input name="title" required autoComplete="off" />
        </label>
        <button type="submit" className="primary" disabled={isBusy}>
          Add
        </button>
      </form>

      <TaskSearch onSearch={showFirstPage} />

      <div className="messages">
        <div role="alert">{error instanceof Error ? error.message : ''}</div>
        <div role="status">{message}</div>
      </div>

      {page?.tasks.length === 0 && <p className="empty">There are no tasks here.</p>}
      <ul aria-label="Tasks" aria-busy={isLoading}>
        {page?.tasks.map((task) => (
          <TaskItem key={task.id} {...{ task, isBusy, show, attempt, remove }} />
        ))}
      </ul>

      <Pages
        number={links.length + 1}
        isBusy={isLoading}
        onPrevious={links.length > 0 ? () => turnTo(links.slice(0, -1)) : undefined}
        onNext={next === undefined ? undefined : () => turnTo([...links, next])}
      />
    </main>
  )
}
