import type { ListOptions, TaskPage } from '#db/tasks/list-tasks'
import type { TaskRow } from '#db/tasks/task-row'
import { type Environment, env } from '#lib/config/env'
import type { Answer } from '#lib/http/answer'
import { readQuery } from '#lib/http/body'
import { parameterProblem } from '#lib/http/validation'
import { caching, preconditionFailed } from '#lib/tasks/answers'
import { readListCondition } from '#lib/tasks/conditions'
import { openCursor, sealCursor } from '#lib/tasks/cursor'
import { listBody } from '#lib/tasks/list-body'
import { ListTasksQuery } from '#lib/tasks/list-tasks-query'
import { shortHash } from '#lib/tasks/short-hash'
import { toTask } from '#lib/tasks/task'

/** What a list is wrapped in. */
export type Envelope = Environment['LIST_ENVELOPE']

/** The page of a list that a request asks for, whose list it is, and in which versions. */
export interface ListRequest {
  readonly request: Request
  readonly userId: string
  readonly options: ListOptions
  /** Tags of the versions that may be sent, and of those that the client has. */
  readonly acceptable: '*' | readonly string[]
  readonly known: '*' | readonly string[]
}

/**
 * Reads which page is asked for, from the query and the conditions.
 *
 * @throws Problem 400 or 422; a cursor of another list or another user is as bad as a made-up one
 */
export function readListRequest(request: Request, userId: string): ListRequest {
  const { cursor, ...query } = readQuery(request, ListTasksQuery)
  const { is, known } = readListCondition(request)
  const { sort, order } = query
  const after = cursor === undefined ? undefined : openCursor(cursor, { userId, sort, order })
  if (cursor !== undefined && after === undefined) {
    throw parameterProblem('cursor', 'invalid_cursor', 'is not from the Link header of this list')
  }
  const withTotal = env().LIST_ENVELOPE !== 'array'
  return { request, userId, options: { ...query, after, withTotal }, acceptable: is, known }
}

/**
 * Answers with a page, and with where the next one is; or 304 where the client has it.
 *
 * @throws Problem 412 where the list is not in a version that the request asks for
 */
export function listAnswer(page: TaskPage, list: ListRequest): Answer {
  const tag = tagOf(page)
  if (!isAmong(tag, list.acceptable)) throw preconditionFailed()
  const next = page.hasMore ? nextPage(list, page.tasks) : undefined
  const link = next !== undefined && { link: `<${next}>; rel="next"` }
  const headers = { ...caching, etag: `"${tag}"`, ...link }
  return isAmong(tag, list.known)
    ? { status: 304, headers }
    : { headers: { 'content-type': 'application/json', ...headers }, body: bodyOf(page) }
}

/** The list, in what `LIST_ENVELOPE` says. */
function bodyOf({ tasks, total }: TaskPage) {
  const envelope = env().LIST_ENVELOPE
  if (envelope === 'array') return listBody(tasks, '[', ']')
  return listBody(tasks, `{"${envelope}":[`, `],"count":${tasks.length},"total":${total}}`)
}

/** A hash of all that the answer shows: a task's version stands for its contents. */
function tagOf({ tasks, hasMore, total }: TaskPage): string {
  const versions = tasks.map(({ id, version }) => `${id}.${version}`)
  const content = [env().LIST_ENVELOPE, hasMore, total, ...versions].join()
  return shortHash(content)
}

function isAmong(tag: string, tags: '*' | readonly string[]): boolean {
  return tags === '*' || tags.includes(tag)
}

/** Relative, for the service may stand behind a proxy; all else in the query stays as it was sent. */
function nextPage({ request, userId, options }: ListRequest, tasks: readonly TaskRow[]) {
  const last = tasks.at(-1)
  if (last === undefined) return undefined
  const { pathname, searchParams } = new URL(request.url)
  const { sort, order } = options
  const { id, title, created_at: createdAt } = toTask(last)
  searchParams.set('cursor', sealCursor({ createdAt, id, title }, { userId, sort, order }))
  return `${pathname}?${searchParams}`
}
