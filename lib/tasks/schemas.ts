import * as z from 'zod'
import { isStorable } from '#db/storable-text'

const titleLimit = 200
const descriptionLimit = 1000

const timestamp = { format: 'date-time', pattern: 'Z$' }

/** Whether a text has at most `limit` code points. An emoji is one, but has two UTF-16 units. */
function fits(text: string, limit: number): boolean {
  return text.length <= limit || Array.from(text).length <= limit
}

/** Text that Postgres gives back as it was sent. */
function storableText(limit: number) {
  return z
    .string()
    .refine(isStorable, {
      error: 'must not hold a NUL character or half of a surrogate pair',
      params: { code: 'invalid_characters' },
    })
    .refine((text) => fits(text, limit), {
      error: `must have at most ${limit} characters`,
      params: { code: 'too_long' },
    })
}

/**
 * Characters that show nothing: white space, controls, the blank of Braille, and what Unicode has a
 * font ignore (`Default_Ignorable_Code_Point`), such as zero-width spaces, soft hyphens and fillers.
 * Written as ranges, because the regular expressions of many languages have no properties.
 */
const invisible = [
  ...[String.raw`\s\u0000-\u001F\u007F-\u009F\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5`],
  ...[String.raw`\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F\u2800\u3164`],
  ...[String.raw`\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFF8`],
].join('')
const hasVisible = new RegExp(String.raw`[^${invisible}\u{E0000}-\u{E0FFF}]`, 'u')

const title = z
  .string()
  .trim()
  .pipe(storableText(titleLimit))
  .refine((text) => hasVisible.test(text), {
    error: 'must have a character that can be seen',
    params: { code: 'too_short' },
  })
  .meta({
    description: 'White space around it is removed first. Counted in Unicode code points.',
    minLength: 1,
    maxLength: titleLimit,
    // It has no NUL, which Postgres cannot store, and is not blank.
    pattern: `^[^\\u0000]*[^${invisible}][^\\u0000]*$`,
    examples: ['Buy milk'],
  })
const description = storableText(descriptionLimit)
  .nullable()
  .meta({
    description: 'Null stands for none.',
    maxLength: descriptionLimit,
    pattern: '^[^\\u0000]*$',
    examples: ['Two bottles'],
  })

/** The two names of one boolean. A frontend writes one or the other. */
const completion = {
  completed: z.boolean().optional().meta({ description: 'Whether the task is done.' }),
  is_completed: z
    .boolean()
    .optional()
    .meta({ description: 'Another name for `completed`. If you send both, they must be equal.' }),
}

/** A task in an answer. `lib/tasks/task.ts` makes it from a row. */
export const Task = z
  .object({
    id: z.uuid().meta({ pattern: undefined, description: 'Never changes.' }),
    user_id: z.string().meta({ description: 'Its owner, who made it: the `sub` of the token.' }),
    title: z.string().meta({ minLength: 1, maxLength: titleLimit }),
    description: z.string().nullable().meta({ maxLength: descriptionLimit }),
    completed: z.boolean(),
    is_completed: z.boolean().meta({ description: 'Always equal to `completed`.' }),
    created_at: z.string().meta({ ...timestamp, description: 'When it was created, in UTC.' }),
    updated_at: z.string().meta({ ...timestamp, description: 'When it last changed, in UTC.' }),
  })
  .meta({ description: 'A task.' })
export type Task = z.output<typeof Task>

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

/** The body of an update. It has no defaults, which would reset fields that are not sent. */
export const TaskPatch = z
  .object({ title: title.optional(), description: description.optional(), ...completion })
  .transform(mergeCompletion)

/** The body of a completion, which may be missing. */
export const TaskCompletion = z.object(completion).transform(mergeCompletion)
