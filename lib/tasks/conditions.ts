import type { VersionCondition, Versions } from '#db/tasks/versions'
import { conditionHeaders, type EntityTags, readConditions } from '#lib/http/entity-tags'
import { Problem } from '#lib/http/errors'
import type { Input } from '#lib/http/operation'

const version = /^(?:0|[1-9][0-9]{0,9})$/
const latestVersion = 2 ** 31 - 1

/** The `ETag` of a task: strong, since a version is never two different texts. */
export function taskTag(taskVersion: number): string {
  return `"${taskVersion}"`
}

/** The versions of a task that a request names in `If-Match` and `If-None-Match`. */
export const taskConditions: Input<VersionCondition> = {
  read({ request }) {
    const { ifMatch, ifNoneMatch } = readConditions(request)
    return { ifMatch: toVersions(ifMatch), ifNoneMatch: toVersions(ifNoneMatch) }
  },
  problems: ['malformed_header', 'precondition_failed'],
  parameters: conditionHeaders,
}

/** 412: what a condition of the request asks for is not so. */
export function preconditionFailed(): Problem {
  return new Problem('precondition_failed', 'It has changed since the version that you named.')
}

/** A tag that is none of ours names no version. */
function toVersions(tags: EntityTags | undefined): Versions | undefined {
  if (tags === undefined || tags === '*') return tags
  return tags
    .filter((text) => version.test(text))
    .map(Number)
    .filter((number) => number <= latestVersion)
}
