import type { ListOptions, TaskPage } from '#db/tasks/list-tasks'
import type { TaskRow } from '#db/tasks/task-row'
import { env } from '#lib/config/env'
import type { Answer } from '#lib/http/answer'
import {
  type Conditions,
  conditionHeaders,
  type EntityTags,
  isAmong,
  readConditions,
} from '#lib/http/entity-tags'
import type { Input, InputSource } from '#lib/http/operation'
import { parameterProblem, readQuery } from '#lib/http/validation'
import { caching, preconditionFailed, toTask } from '#lib/tasks/answers'
import { openCursor, sealCursor } from '#lib/tasks/cursor'
import { listBody } from '#lib/tasks/list-body'
import { ListTasksQuery } from '#lib/tasks/list-tasks-query'
import { shortHash } from '#lib/tasks/short-hash'

/** What a request for a page asks for: the page, the user, and the conditions. */
export interface PageRequest extends Conditions<EntityTags> {
  readonly url: URL
  readonly userId: string
  readonly options: ListOptions
}

/** The input of the list: its query and its conditions. */
export const pageRequest: Input<PageRequest> = {
  read: readPageRequest,
  problems: ['malformed_header', 'precondition_failed', 'validation_failed'],
  query: ListTasksQuery,
  parameters: conditionHeaders,
}

/** Reads the input. A cursor of another list or user is refused like a made-up one. */
function readPageRequest({ request, url, caller: { userId } }: InputSource): PageRequest {
  const { cursor, ...query } = readQuery(url, ListTasksQuery)
  const conditions = readConditions(request)
  const { sort, order } = query
  const after = cursor === undefined ? undefined : openCursor(cursor, { userId, sort, order })
  if (cursor !== undefined && after === undefined) {
    throw parameterProblem('cursor', 'invalid_cursor', 'is not from the Link header of this list')
  }
  const withTotal = env().LIST_ENVELOPE !== 'array'
  return { url, userId, options: { ...query, after, withTotal }, ...conditions }
}

/**
 * Answers with a page and a link to the next one, or with 304 if the client has the page.
 *
 * @throws Problem 412 if the list is in no version that the request asks for
 */
export function listAnswer(page: TaskPage, asked: PageRequest): Answer {
  const { ifMatch = '*', ifNoneMatch = '' } = asked
  const tag = tagOf(page)
  if (!isAmong(tag, ifMatch)) throw preconditionFailed()
  const next = page.hasMore ? nextPage(asked, page.tasks) : undefined
  const link = next !== undefined && { link: `<${next}>; rel="next"` }
  const headers = { ...caching, etag: `"${tag}"`, ...link }
  return isAmong(tag, ifNoneMatch)
    ? { status: 304, headers }
    : { headers: { 'content-type': 'application/json', ...headers }, body: bodyOf(page) }
}

/** The body of the list, as `LIST_ENVELOPE` says. */
function bodyOf({ tasks, total }: TaskPage) {
  const envelope = env().LIST_ENVELOPE
  if (envelope === 'array') return listBody(tasks, '[', ']')
  return listBody(tasks, `{"${envelope}":[`, `],"count":${tasks.length},"total":${total}}`)
}

/** A hash of everything in the answer. The version of a task stands for its contents. */
function tagOf({ tasks, hasMore, total }: TaskPage): string {
  const versions = tasks.map(({ id, version }) => `${id}.${version}`)
  const { LIST_ENVELOPE, COMPLETION_FIELD } = env()
  const content = [LIST_ENVELOPE, COMPLETION_FIELD, hasMore, total, ...versions].join()
  return shortHash(content)
}

/**
 * The next page: the same query with another cursor. It is relative to the URL of the request,
 * whatever path a frontend's rewrite or a proxy gave that; see ADR 0069.
 */
function nextPage({ url, userId, options }: PageRequest, tasks: readonly TaskRow[]) {
  const last = tasks.at(-1)
  if (last === undefined) return undefined
  const query = new URLSearchParams(url.search)
  const { sort, order } = options
  const { id, title, created_at: createdAt } = toTask(last)
  // The cursor says where the next page starts, and these would leave out tasks behind it.
  query.delete('offset')
  query.delete('page')
  query.set('cursor', sealCursor({ createdAt, id, title }, { userId, sort, order }))
  return `?${query}`
}
