import { type ProblemCode, type ProblemType, problemTypes } from '#lib/http/errors'
import { problemTexts } from '#lib/http/problem-texts'
import {
  commonHeaders,
  type HeaderName,
  headerComponents,
  headerReferences,
} from '#lib/http/response-headers'

/** References to the errors that these codes stand for, one for each status. */
export function problemReferences(codes: readonly ProblemCode[]): Record<string, object> {
  return Object.fromEntries(
    groups(codes).map(([status, group]) => [
      status,
      { $ref: `#/components/responses/${nameOf(group)}` },
    ]),
  )
}

/** `components.responses`: a response for each group of errors in these lists. */
export function problemComponents(lists: readonly (readonly ProblemCode[])[]) {
  return Object.fromEntries(
    lists.flatMap((codes) =>
      groups(codes).map(([status, group]) => [nameOf(group), problemOf(Number(status), group)]),
    ),
  )
}

function groups(codes: readonly ProblemCode[]): [string, ProblemCode[]][] {
  const sorted = [...new Set(codes)].sort()
  return Array.from(Map.groupBy(sorted, (code) => String(problemTypes[code].status)))
}

function nameOf(codes: readonly ProblemCode[]): string {
  return codes.join('-')
}

function problemOf(status: number, codes: readonly ProblemCode[]) {
  const extra: Record<number, HeaderName> = {
    401: 'WWW-Authenticate',
    429: 'Retry-After',
    503: 'Retry-After',
  }
  const named = extra[status]
  // A description is Markdown, which would take `<token>` for a tag.
  const textOf = (code: ProblemCode) => problemTexts[code].replaceAll(/<\w+>/g, '`$&`')
  return {
    description: codes.map((code) => `\`${code}\`: ${textOf(code)}`).join('\n\n'),
    headers: headerReferences([...commonHeaders, ...(named === undefined ? [] : [named])]),
    content: {
      'application/problem+json': {
        schema: {
          allOf: [
            { $ref: '#/components/schemas/Problem' },
            { properties: { status: { const: status }, code: { enum: codes } } },
          ],
        },
        examples: Object.fromEntries(codes.map((code) => [code, { value: exampleProblem(code) }])),
      },
    },
  }
}

function exampleProblem(code: ProblemCode): object {
  const { status, title, type = `/docs/errors#${code}` }: ProblemType = problemTypes[code]
  const detail = status === 422 ? 'title is required.' : `${title}.`
  const issue = { pointer: '/title', code: 'required', detail }
  return {
    ...{ type, title, status, detail, code, message: detail },
    instance: headerComponents['X-Request-Id'].example,
    ...(code === 'validation_failed' && { errors: [issue] }),
  }
}
