import { Problem } from '#lib/http/errors'
import type { Parameter } from '#lib/http/operation'

/** The tags in a header of RFC 9110, 13.1, without quotes. `*` stands for all tags. */
export type EntityTags = '*' | readonly string[]

/** Empty elements are allowed: RFC 9110, 5.6.1. */
export const tagList =
  /^(?:[ \t]*,)*[ \t]*(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"[ \t]*(?:,[ \t]*(?:(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"[ \t]*)?)*$/
const oneTag = /(W\/)?"([^"]*)"/g

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
 * Reads `If-Match` and `If-None-Match`. Weak tags count only in `If-None-Match`, because `If-Match`
 * compares strongly.
 *
 * @throws Problem 400 if a header is malformed
 */
export function readConditions(request: Request): Conditions<EntityTags> {
  return {
    ifMatch: readTags(request, 'if-match', ([, weak]) => weak === undefined),
    ifNoneMatch: readTags(request, 'if-none-match', () => true),
  }
}

/** Whether a tag is among those that a header names. */
export function isAmong(tag: string, tags: EntityTags): boolean {
  return tags === '*' || tags.includes(tag)
}

function readTags(
  request: Request,
  name: 'if-match' | 'if-none-match',
  counts: (tag: RegExpExecArray) => boolean,
): EntityTags | undefined {
  const value = request.headers.get(name)
  if (value === null) return undefined
  if (value.trim() === '*') return '*'
  if (!tagList.test(value)) {
    throw new Problem('malformed_header', `${name} must be * or a list of entity tags: "1", "2".`)
  }
  return Array.from(value.matchAll(oneTag))
    .filter(counts)
    .map(([, , text = '']) => text)
}
