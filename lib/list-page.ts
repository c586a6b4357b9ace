import type { ListOptions, Position, TaskList } from '#db/list-tasks'
import { readListCondition } from '#lib/conditions'
import { openCursor, sealCursor } from '#lib/cursor'
import { env } from '#lib/env'
import { readQuery } from '#lib/request'
import { listResponse, preconditionFailed } from '#lib/responses'
import { ListTasksQuery } from '#lib/schemas/list-tasks-query'
import { parameterProblem } from '#lib/validation'

/** The page of a list that a request asks for, whose list it is, and in which versions. */
export interface ListRequest {
  readonly request: Request
  readonly userId: string
  readonly options: ListOptions
  readonly acceptable: '*' | readonly string[]
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
  const options = { ...query, after, withTotal, known: known === '*' ? known : hashesIn(known) }
  return { request, userId, options, acceptable: is }
}

/**
 * Answers with a page, and with where the next one is.
 *
 * @throws Problem 412 where the list is not in a version that the request asks for
 */
export function listAnswer(list: TaskList, { request, userId, options, acceptable }: ListRequest) {
  const tag = tagPrefix() + list.tag
  if (acceptable !== '*' && !acceptable.includes(tag)) throw preconditionFailed()
  const next = list.next === null ? undefined : nextPage(request, userId, options, list.next)
  return listResponse(list, { envelope: env().LIST_ENVELOPE, etag: `"${tag}"`, next })
}

/** Relative, for the service may stand behind a proxy; all else in the query stays as it was sent. */
function nextPage(request: Request, userId: string, { sort, order }: ListOptions, end: Position) {
  const { pathname, searchParams } = new URL(request.url)
  searchParams.set('cursor', sealCursor(end, { userId, sort, order }))
  return `${pathname}?${searchParams}`
}

/** An envelope is another text for the same tasks. */
function tagPrefix(): string {
  return env().LIST_ENVELOPE === 'array' ? '' : `${env().LIST_ENVELOPE}-`
}

function hashesIn(tags: readonly string[]): string[] {
  return tags
    .filter((tag) => tag.startsWith(tagPrefix()))
    .map((tag) => tag.slice(tagPrefix().length))
    .filter((hash) => /^[0-9a-f]{32}$/.test(hash))
}
