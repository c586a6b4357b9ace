import type * as z from 'zod'
import { Problem, type ValidationIssue } from '#lib/http/errors'

type Issue = z.core.$ZodIssue

/** More than any frontend sends. So many are read in a fraction of a millisecond. */
const parameterLimit = 1000

const names: Record<string, string> = {
  string: 'a string',
  boolean: 'true or false',
  number: 'a number',
  object: 'a JSON object',
}

/**
 * Parses a body or a query, and reports everything that is wrong with it.
 *
 * @throws Problem `validation_failed`
 */
export function parse<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  place: 'pointer' | 'parameter',
): z.output<Schema> {
  const result = schema.safeParse(value, { reportInput: true })
  if (result.success) return result.data
  throw validationProblem(result.error.issues.map((issue) => toIssue(issue, place)))
}

/**
 * Reads and validates the query. Parameters that the schema does not have are ignored, and one
 * without a value, as forms send it, is as if it was not there.
 *
 * @throws Problem 422 if a known parameter is not valid, or if there are too many parameters
 */
export function readQuery<Schema extends z.ZodType>(
  { search, searchParams }: URL,
  schema: Schema,
): z.output<Schema> {
  // Next removes empty parts between two separators, so they are not counted.
  const given = search
    .slice(1)
    .split('&')
    .filter((part) => part !== '')
  if (given.length > parameterLimit) throw tooManyParameters()
  const values = new Map<string, string | string[]>()
  for (const [name, value] of searchParams) {
    if (value === '') continue
    const earlier = values.get(name)
    // A parameter with two different values becomes a list, which no schema accepts.
    if (earlier === undefined) values.set(name, value)
    else if (earlier !== value) values.set(name, [value])
  }
  return parse(schema, Object.fromEntries(values), 'parameter')
}

/** A 422 for a query parameter that only the handler can check. */
export function parameterProblem(parameter: string, code: string, says: string): Problem {
  return validationProblem([{ parameter, code, detail: `${parameter} ${says}.` }])
}

/** A 422 for these issues. Its `detail` is that of the first. */
function validationProblem(errors: readonly ValidationIssue[]): Problem {
  const [first] = errors
  return new Problem('validation_failed', first?.detail ?? 'The request is not valid.', { errors })
}

function toIssue(issue: Issue, place: 'pointer' | 'parameter'): ValidationIssue {
  const path = issue.path.map(String)
  const subject = path.join('.') || 'the body'
  const isTwice = place === 'parameter' && Array.isArray(issue.input)
  const { code, says } = isTwice ? twice : explain(issue)
  const detail = `${subject} ${says}.`
  return place === 'parameter'
    ? { parameter: path.join('.'), code, detail }
    : { pointer: path.map((part) => `/${escapePointer(part)}`).join(''), code, detail }
}

/** What is wrong with a parameter that `readQuery` has made a list of. */
const twice = { code: 'contradiction', says: 'must not have two values' }

function tooManyParameters(): Problem {
  const detail = `The query has more than ${parameterLimit} parameters.`
  return new Problem('validation_failed', detail, {
    errors: [{ parameter: '', code: 'too_many', detail }],
  })
}

function explain(issue: Issue): { code: string; says: string } {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? { code: 'required', says: 'is required' }
        : { code: 'invalid_type', says: `must be ${names[issue.expected] ?? issue.expected}` }
    case 'invalid_value':
      return {
        code: 'invalid_value',
        says: `must be one of ${issue.values.map(String).join(', ')}`,
      }
    case 'custom':
      return { code: String(issue.params?.['code'] ?? 'invalid_value'), says: issue.message }
    default:
      return { code: 'invalid_value', says: issue.message }
  }
}

/** Escapes a part of a JSON Pointer (RFC 6901). */
function escapePointer(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1')
}
