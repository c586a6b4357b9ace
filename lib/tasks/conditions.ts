import type { VersionCondition, Versions } from '#db/tasks/versions'
import { Problem } from '#lib/http/errors'

interface EntityTag {
  readonly isWeak: boolean
  /** What stands between the quotes. */
  readonly text: string
}

type EntityTags = '*' | readonly EntityTag[]

/** Also the pattern of both headers in the API document. Empty elements are allowed: RFC 9110, 5.6.1. */
export const tagList =
  /^(?:[ \t]*,)*[ \t]*(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"[ \t]*(?:,[ \t]*(?:(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"[ \t]*)?)*$/
const oneTag = /(W\/)?"([^"]*)"/g
const version = /^(?:0|[1-9][0-9]{0,9})$/
const latestVersion = 2 ** 31 - 1

/** The `ETag` of a task: strong, since a version is never two different texts. */
export function taskTag(version: number): string {
  return `"${version}"`
}

/**
 * Which versions a write may change (RFC 9110, 13.1): `If-Match` compares strongly, so a weak tag
 * in it matches nothing.
 *
 * @throws Problem 400 where a header is malformed
 */
export function readWriteCondition(request: Request): VersionCondition {
  const isNot = readTags(request, 'if-none-match')
  return {
    is: versionsOf(strong(readTags(request, 'if-match'))),
    isNot: versionsOf(isNot),
  }
}

/**
 * Which versions a reader asks for, and which it has and need not be sent.
 *
 * @throws Problem 400 where a header is malformed
 */
export function readReadCondition(request: Request): VersionCondition & { known?: Versions } {
  const known = versionsOf(readTags(request, 'if-none-match'))
  return {
    is: versionsOf(strong(readTags(request, 'if-match'))),
    ...(known !== undefined && { known }),
  }
}

/**
 * The texts of the tags of lists that a request names.
 *
 * @throws Problem 400 where a header is malformed
 */
export function readListCondition(request: Request): {
  is: '*' | readonly string[]
  known: '*' | readonly string[]
} {
  return {
    is: textsOf(strong(readTags(request, 'if-match'))) ?? '*',
    known: textsOf(readTags(request, 'if-none-match')) ?? [],
  }
}

function readTags(request: Request, name: 'if-match' | 'if-none-match'): EntityTags | undefined {
  const value = request.headers.get(name)
  if (value === null) return undefined
  if (value.trim() === '*') return '*'
  if (!tagList.test(value)) {
    throw new Problem('malformed_header', `${name} must be * or a list of entity tags: "1", "2".`)
  }
  return Array.from(value.matchAll(oneTag), ([, weak, text = '']) => ({
    isWeak: weak !== undefined,
    text,
  }))
}

function strong(tags: EntityTags | undefined): EntityTags | undefined {
  return Array.isArray(tags) ? tags.filter(({ isWeak }) => !isWeak) : tags
}

function textsOf(tags: EntityTags | undefined): '*' | readonly string[] | undefined {
  return tags === undefined || tags === '*' ? tags : tags.map(({ text }) => text)
}

/** A tag that is none of ours names no version. */
function versionsOf(tags: EntityTags | undefined): Versions | undefined {
  const texts = textsOf(tags)
  if (texts === undefined || texts === '*') return texts
  return texts
    .filter((text) => version.test(text))
    .map(Number)
    .filter(isVersion)
}

function isVersion(number: number): boolean {
  return number <= latestVersion
}
