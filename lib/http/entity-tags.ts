import { Problem } from '#lib/http/errors'
import type { Parameter } from '#lib/http/operation'

/**
 * The tags in a header of RFC 9110, 13.1, as it was sent: as a list, thousands would take ten times the
 * memory while their request waits. `*` stands for all tags.
 */
export type EntityTags = string

/**
 * Empty elements are allowed: RFC 9110, 5.6.1. The slash is in brackets, because generators of
 * clients copy this from the document, some into code that would lose a backslash.
 */
const tagList =
  /^(?:[ \t]*,)*[ \t]*(?:W[/])?"[\x21\x23-\x7e\x80-\xff]*"[ \t]*(?:,[ \t]*(?:(?:W[/])?"[\x21\x23-\x7e\x80-\xff]*"[ \t]*)?)*$/
const oneTag = /"([^"]*)"/g
/** What a proxy appends to the tag of an answer that it compresses: `"1-gzip"`, `"1;gzip"`. */
const codingSuffixes = [/[-;](?:gzip|br|zstd|deflate)$/, /--(?:gzip|br|zstd|deflate)$/]

/** As columns of the type `integer` have it, and behind it the shape of what has the tag. */
const version = /^(0|[1-9][0-9]{0,9})((?:\.[a-z_]+)?)$/
const latestVersion = 2 ** 31 - 1

const schema = { type: 'string', pattern: `^[ \\t]*\\*[ \\t]*$|${tagList.source}` }

/** Both headers in the API document, without examples, which the reference page would send. */
export const conditionHeaders: readonly Parameter[] = [
  {
    name: 'If-Match',
    in: 'header',
    description:
      '`ETag`s that you know, or `*`. If the version is another one now, nothing happens and the answer is 412. For instance `"582019347"`, with the quotes.',
    schema,
  },
  {
    name: 'If-None-Match',
    in: 'header',
    description:
      '`ETag`s that you have, or `*`. If the version is one of them, a read answers 304 and a write 412. For instance `"582019347"`.',
    schema,
  },
]

/** The two conditions of a request. */
export interface Conditions<Tags> {
  /** The request is carried out only if the current tag is one of these. */
  readonly ifMatch?: Tags | undefined
  /** The request is carried out only if the current tag is none of these. A read is then a 304. */
  readonly ifNoneMatch?: Tags | undefined
}

/**
 * Reads `If-Match` and `If-None-Match`. A tag counts however a compressing proxy has spelled it, in
 * `If-Match` too: every tag of this service is strong, so `W/` is a proxy's; see ADR 0068.
 *
 * @throws Problem 400 if a header is malformed
 */
export function readConditions(request: Request): Conditions<EntityTags> {
  return { ifMatch: readTags(request, 'if-match'), ifNoneMatch: readTags(request, 'if-none-match') }
}

/**
 * Reads the same where a tag is the number of a version. A tag that this service did not make stands
 * for no version. In `If-None-Match` one of another shape does neither: its reader has another text.
 */
export function readVersions(request: Request, shape: string): Conditions<'*' | readonly number[]> {
  const { ifMatch, ifNoneMatch } = readConditions(request)
  return { ifMatch: toVersions(ifMatch), ifNoneMatch: toVersions(ifNoneMatch, shape) }
}

/** Whether a tag is among those that a header names. */
export function isAmong(tag: string, tags: EntityTags): boolean {
  return tags === '*' || tagsIn(tags).includes(tag)
}

function readTags(request: Request, name: 'if-match' | 'if-none-match'): EntityTags | undefined {
  const value = request.headers.get(name)
  if (value === null) return undefined
  if (value.trim() === '*') return '*'
  if (!tagList.test(value)) {
    throw new Problem('malformed_header', `${name} must be * or a list of entity tags: "1", "2".`)
  }
  return value
}

/** The tags, without quotes. */
function tagsIn(header: EntityTags): string[] {
  // Each reading counts, because the tag of a list may end in `-` or `-br` by itself.
  return Array.from(header.matchAll(oneTag)).flatMap(([, text = '']) => [
    ...new Set([text, ...codingSuffixes.map((suffix) => text.replace(suffix, ''))]),
  ])
}

function toVersions(tags: EntityTags | undefined, shape?: string) {
  if (tags === undefined || tags === '*') return tags
  return tagsIn(tags)
    .map((text) => version.exec(text))
    .filter((found) => found !== null && (shape === undefined || shape === found[2]))
    .map((found) => Number(found?.[1]))
    .filter((number) => number <= latestVersion)
}
