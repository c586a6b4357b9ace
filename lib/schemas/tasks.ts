import * as z from 'zod'

const titleLimit = 200
const descriptionLimit = 1000
const pageLimit = 1000

/** Postgres counts code points, so a limit in UTF-16 units would refuse half as many emoji. */
function countCodePoints(text: string): number {
  return text.length <= titleLimit ? text.length : Array.from(text).length
}

/** Text that comes back as it was sent: Postgres refuses NUL and alters a lone surrogate. */
function storableText(limit: number) {
  return z
    .string()
    .refine((text) => text.isWellFormed() && !text.includes('\0'), {
      error: 'must not hold a NUL character or half of a surrogate pair',
      params: { code: 'invalid_characters' },
    })
    .refine((text) => countCodePoints(text) <= limit, {
      error: `must have at most ${limit} characters`,
      params: { code: 'too_long' },
    })
}

const title = z
  .string()
  .trim()
  .pipe(storableText(titleLimit))
  .refine((text) => text !== '', {
    error: 'must not be blank',
    params: { code: 'too_short' },
  })
const description = storableText(descriptionLimit).nullable()

/** Frontends write one name or the other for the same boolean. */
const completion = { completed: z.boolean().optional(), is_completed: z.boolean().optional() }

interface Completion {
  completed?: boolean | undefined
  is_completed?: boolean | undefined
}

function mergeCompletion<Fields extends Completion>(
  { completed, is_completed, ...others }: Fields,
  context: z.RefinementCtx,
) {
  if (completed !== undefined && is_completed !== undefined && completed !== is_completed) {
    context.addIssue({
      code: 'custom',
      path: ['is_completed'],
      message: 'must not contradict completed',
      params: { code: 'contradiction' },
    })
  }
  return { ...others, completed: completed ?? is_completed }
}

/** The body of a create. Unknown fields are ignored, `user_id` and `id` among them. */
export const NewTask = z
  .object({ title, description: description.default(null), ...completion })
  .transform(mergeCompletion)
  .transform((task) => ({ ...task, completed: task.completed ?? false }))
export type NewTask = z.output<typeof NewTask>

/** The body of an update: what is sent changes. No defaults, which would reset what is not sent. */
export const TaskPatch = z
  .object({ title: title.optional(), description: description.optional(), ...completion })
  .transform(mergeCompletion)
export type TaskPatch = z.output<typeof TaskPatch>

/** The body of a completion, which may be missing. */
export const TaskCompletion = z.object(completion).transform(mergeCompletion)
export type TaskCompletion = z.output<typeof TaskCompletion>

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
    status: z.enum(['all', 'pending', 'active', 'incomplete', 'completed']).optional(),
    completed: z.enum(['true', 'false']).optional(),
    sort: z.enum(['created', 'created_at', 'title']).default('created'),
    order: z.enum(['asc', 'desc']).optional(),
    limit: limit.default(pageLimit),
    cursor: z.string().optional(),
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
export type ListTasksQuery = z.output<typeof ListTasksQuery>
