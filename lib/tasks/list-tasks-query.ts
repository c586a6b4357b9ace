import * as z from 'zod'
import { isStorable } from '#db/storable-text'
import { isSearchable } from '#db/tasks/search-pattern'

const pageLimit = 1000
/** So many tasks are passed over in a fraction of a second. */
const offsetLimit = 100_000
/** A longer text takes Postgres longer to look for. */
const searchLimit = 100

const statuses = ['all', 'pending', 'active', 'incomplete', 'completed'] as const
const completions = ['true', 'false', ...statuses] as const

/** One of these words, in any letter case. The document has them in small letters. */
function word<const Word extends string>(words: readonly Word[], description: string) {
  const anyCase = z.string().toLowerCase().pipe(z.enum(words)).optional()
  return anyCase.meta({ type: 'string', enum: [...words], description })
}

function wholeNumber(minimum: number, maximum: number, description: string) {
  return z
    .string()
    .refine((text) => /^[0-9]{1,6}$/.test(text) && isWithin(Number(text), minimum, maximum), {
      error: `must be a whole number from ${minimum} to ${maximum}`,
      params: { code: 'out_of_range' },
    })
    .transform(Number)
    .optional()
    .meta({ type: 'integer', minimum, maximum, description })
}

function isWithin(number: number, least: number, most: number): boolean {
  return number >= least && number <= most
}

const sorts = ['created', 'created_at', 'title'] as const
const orders = ['asc', 'desc'] as const

/** The query of the list. Unknown parameters are ignored. */
export const ListTasksQuery = z
  .object({
    status: word(
      statuses,
      'Only these tasks. `active` and `incomplete` are other names for `pending`. All where it is not given.',
    ),
    completed: word(
      completions,
      'The same filter as a boolean, or by the words of `status`. It must not contradict `status`: `true` and `false` beside `all` do.',
    ),
    search: z
      .string()
      .trim()
      .refine((text) => text === '' || (isStorable(text) && isSearchable(text)), {
        error: 'must be text with more than accents and without NUL',
        params: { code: 'invalid_characters' },
      })
      .refine((text) => Array.from(text).length <= searchLimit, {
        error: `must have at most ${searchLimit} characters`,
        params: { code: 'too_long' },
      })
      .optional()
      .meta({
        description:
          'Only tasks with this text in title or description. Letter case and accents do not count, white space around it neither, and `%`, `_` and `\\` are themselves. It reads your tasks until the page is full: 100,000 of them in a fraction of a second, or a second or two with the longest descriptions.',
        maxLength: searchLimit,
      }),
    sort: word(
      sorts,
      '`created` (also `created_at`): by time of creation. `title`: as a person sorts, whatever the letter case and accents.',
    ),
    sort_by: word(sorts, 'Another name for `sort`.'),
    order: word(
      orders,
      'Where it is not given, `desc` for `created` (newest first) and `asc` for `title` (A to Z).',
    ),
    sort_order: word(orders, 'Another name for `order`.'),
    limit: wholeNumber(
      1,
      pageLimit,
      `How many tasks this page has at most; ${pageLimit} where it is not given.`,
    ),
    cursor: z.string().optional().meta({
      description:
        'Where the page starts. Take it from the `Link` header of the page before; it fits the same user, `sort` and `order` only.',
    }),
    offset: wholeNumber(
      0,
      offsetLimit,
      'How many tasks to leave out, for clients without cursors. What is created or deleted meanwhile shifts such a page.',
    ),
    page: wholeNumber(
      1,
      offsetLimit,
      `The page of this number, from 1, with \`limit\` tasks each: an \`offset\` of up to ${offsetLimit}.`,
    ),
  })
  .transform((query, context) => {
    const { limit = pageLimit, cursor, page, search } = query
    const contradict = (name: string, other: string) =>
      context.addIssue({
        code: 'custom',
        path: [name],
        message: `must not contradict ${other}`,
        params: { code: 'contradiction' },
      })
    const [byStatus, byFlag] = [toFilter(query.status), toFilter(query.completed)]
    if (byStatus !== undefined && byFlag !== undefined && byStatus !== byFlag) {
      contradict('completed', 'status')
    }
    const sort = toSort(query.sort ?? query.sort_by)
    if (sort !== toSort(query.sort_by ?? query.sort)) contradict('sort_by', 'sort')
    const order = query.order ?? query.sort_order ?? (sort === 'title' ? 'asc' : 'desc')
    if (order !== (query.sort_order ?? order)) contradict('sort_order', 'order')
    const offset = query.offset ?? ((page ?? 1) - 1) * limit
    if (page !== undefined && offset !== (page - 1) * limit) contradict('page', 'offset')
    if (cursor !== undefined && offset > 0) {
      contradict(page === undefined ? 'offset' : 'page', 'cursor')
    }
    if (offset > offsetLimit) {
      context.addIssue({
        code: 'custom',
        path: ['page'],
        message: `must not leave out more than ${offsetLimit} tasks: follow Link instead`,
        params: { code: 'out_of_range' },
      })
    }
    const filter = byFlag ?? byStatus
    const completed = filter === undefined || filter === 'all' ? undefined : filter === 'completed'
    return {
      completed,
      search: search === '' ? undefined : search,
      sort,
      order,
      limit,
      cursor,
      offset,
    }
  })

function toFilter(text: (typeof completions)[number] | undefined) {
  if (text === undefined || text === 'all') return text
  return text === 'completed' || text === 'true' ? 'completed' : 'pending'
}

function toSort(text: (typeof sorts)[number] | undefined): 'created' | 'title' {
  return text === 'title' ? 'title' : 'created'
}
