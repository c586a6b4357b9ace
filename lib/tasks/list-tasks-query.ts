import * as z from 'zod'

const pageLimit = 1000

const limit = z
  .string()
  .refine((text) => /^[0-9]{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= pageLimit, {
    error: `must be a whole number from 1 to ${pageLimit}`,
    params: { code: 'out_of_range' },
  })
  .transform(Number)

/** The query of the list. Unknown parameters are ignored. */
export const ListTasksQuery = z
  .object({
    status: z.enum(['all', 'pending', 'active', 'incomplete', 'completed']).optional().meta({
      description:
        'Only these tasks. `active` and `incomplete` are other names for `pending`. All where it is not given.',
    }),
    completed: z
      .enum(['true', 'false'])
      .optional()
      .meta({
        ...{ type: 'boolean', enum: undefined },
        description:
          'The same filter as a boolean. It must not contradict `status`: beside `all` it does.',
      }),
    sort: z.enum(['created', 'created_at', 'title']).default('created').meta({
      description:
        '`created` (also `created_at`): by time of creation. `title`: as a person sorts, whatever the letter case and accents.',
    }),
    order: z.enum(['asc', 'desc']).optional().meta({
      description:
        'Where it is not given, `desc` for `created` (newest first) and `asc` for `title` (A to Z).',
    }),
    limit: limit.default(pageLimit).meta({
      ...{ type: 'integer', minimum: 1, maximum: pageLimit },
      description: `How many tasks this page has at most; ${pageLimit} where it is not given.`,
    }),
    cursor: z.string().optional().meta({
      description:
        'Where the page starts. Take it from the `Link` header of the page before; it fits the same user, `sort` and `order` only.',
    }),
  })
  .transform(({ status, completed, sort, order, limit: size, cursor }, context) => {
    const byStatus = status === undefined || status === 'all' ? undefined : status === 'completed'
    const byFlag = completed === undefined ? undefined : completed === 'true'
    if (status !== undefined && byFlag !== undefined && byStatus !== byFlag) {
      context.addIssue({
        code: 'custom',
        path: ['completed'],
        message: 'must not contradict status',
        params: { code: 'contradiction' },
      })
    }
    return {
      completed: byFlag ?? byStatus,
      sort: sort === 'title' ? ('title' as const) : ('created' as const),
      order: order ?? (sort === 'title' ? ('asc' as const) : ('desc' as const)),
      limit: size,
      cursor,
    }
  })
